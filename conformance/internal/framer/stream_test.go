package framer

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// The turns that a stream gives to others before a Write fails may take longer than a framer may hang.
func TestTheTurnsOfAFailingWriteAreProgress(t *testing.T) {
	s := &sink{breakAt: 1, failure: errors.New("the stream broke")}
	n, err := s.Write([]byte("ab"))
	require.Equal(t, 1, n)
	require.Error(t, err)
	require.GreaterOrEqual(t, s.progress(), int64(turns))

	right := &sink{}
	_, err = right.Write([]byte("ab"))
	require.NoError(t, err)
	require.EqualValues(t, 1, right.progress())
}
