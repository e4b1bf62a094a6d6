package worker

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A process that ended as one `exit` asked, which may run, says nothing of another one with the same status, which must not.
func TestAnExitThatMayRunExcusesOneThatMustNot(t *testing.T) {
	right, wrong := &ask{meaning: meaning{method: "exit"}, code: 41}, &ask{meaning: meaning{method: "exit"}, code: 41, forbidden: true}
	for name, c := range map[string]struct {
		asks   []*ask
		exits  []*ask
		accuse string
	}{
		"one that may run, and one that must not":   {[]*ask{right, wrong}, []*ask{right}, ""},
		"the same in another order":                 {[]*ask{wrong, right}, nil, ""},
		"one that must not":                         {[]*ask{wrong}, nil, "nothing-runs-behind-a-violation"},
		"one that may run, and ends in another way": {[]*ask{{meaning: meaning{method: "exit"}, code: 7}}, []*ask{{meaning: meaning{method: "exit"}, code: 7}}, "exit-ends-with-its-status"},
	} {
		m := &model{conns: []*conn{{asks: c.asks}}, exits: c.exits, seen: map[string]bool{}, exercised: map[string]bool{}}
		m.died(41, "exit status 41")
		if c.accuse == "" {
			require.Nil(t, m.failure, name)
			continue
		}
		require.NotNil(t, m.failure, name)
		require.Equal(t, c.accuse, m.failure.Rule, name)
	}
}
