package framer

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Behind a frame that was cut off nothing may come [STR-6], but what was being written at the same moment: a framer that needs
// no lock cannot hold that back [STR-5].
func TestOnlyWritesAtTheSameMomentMayFollowACutOffFrame(t *testing.T) {
	frame := wire.Encode(spec.Enhanced, 1, []byte("one"))
	other := wire.Encode(spec.Enhanced, 2, []byte("another"))
	first := frame[:14] // as far as the ID
	for _, c := range []struct {
		name  string
		got   []byte
		early bool
		fails string
	}{
		{"nothing follows", first, true, ""},
		{"a write at the same moment", slices.Concat(first, other), true, ""},
		{"a later write", slices.Concat(first, other), false, "STR-6"},
		{"the frame itself again", slices.Concat(first, frame), true, "STR-6"},
		{"a part of a write at the same moment", slices.Concat(first, other[:5]), true, "STR-6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &model{framing: spec.Enhanced, writeError: errFull, failed: true, several: true, seen: map[string]bool{}, exercised: map[string]bool{}}
			m.lanes = map[string]*lane{
				"a": {writes: []*write{{id: 1, payload: []byte("one"), frame: frame, early: true, open: true, returned: true, err: errFull}}},
				"b": {writes: []*write{{id: 2, payload: []byte("another"), frame: other, early: c.early, open: true, returned: true}}},
			}
			m.output(c.got, true, len(first))
			if c.fails == "" {
				require.Nil(t, m.failure)
				return
			}
			require.NotNil(t, m.failure)
			require.Equal(t, c.fails, m.failure.Clause)
		})
	}
}
