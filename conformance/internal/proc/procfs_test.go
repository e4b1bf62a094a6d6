package proc

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStatIsReadBehindANameWithSpacesAndParentheses(t *testing.T) {
	line := "77 (a) b (c) R 5 77 77 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 1 0 12345 9000000 30 18446744073709551615 0 0\n"
	got, err := parseStat([]byte(line))
	require.NoError(t, err)
	require.Equal(t, stat{
		state: "R", parent: 5, used: 2 * time.Second, started: 123450 * time.Millisecond, resident: 30 * int64(os.Getpagesize()),
	}, got)
}

func TestStatThatIsCutOffOrHasNoNumberIsAnError(t *testing.T) {
	for _, line := range []string{"", "77 (sh) S 5 77", "77 (sh) S x 77 77 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 1 0 12345 9000000 30 0"} {
		_, err := parseStat([]byte(line))
		require.ErrorIs(t, err, errMalformed, line)
	}
}

func TestStatusHasTheMemoryOfAProcessAndNoneOfAZombie(t *testing.T) {
	got, err := parseStatus([]byte("Name:\tsh\nVmPeak:\t    5000 kB\nVmHWM:\t     800 kB\nVmData:\t     300 kB\nThreads:\t1\n"))
	require.NoError(t, err)
	require.Equal(t, status{writable: 300 << 10, peakResident: 800 << 10, peakReserved: 5000 << 10, hasPeak: true}, got)

	got, err = parseStatus([]byte("Name:\tsh\nState:\tZ (zombie)\nThreads:\t1\n"))
	require.NoError(t, err)
	require.Equal(t, status{}, got)

	_, err = parseStatus([]byte("VmHWM:\t     many kB\n"))
	require.ErrorIs(t, err, errMalformed)
	require.ErrorContains(t, err, "VmHWM")
}

func TestIdleTimeIsTheFourthOfTheFirstLine(t *testing.T) {
	require.Equal(t, 2*time.Second, parseIdle([]byte("cpu  10 20 30 200 50 0 0 0 0 0\ncpu0 1 2 3 100 5 0 0 0 0 0\n")))
	for _, strange := range []string{"", "cpu  10 20 30\n", "cpu0 10 20 30 200\n", "cpu  10 20 30 x 50\n"} {
		require.Zero(t, parseIdle([]byte(strange)), strange)
	}
	require.Equal(t, linux, Idle() > 0)
}

func TestAvailableMemoryIsReadWhereTheSystemTellsIt(t *testing.T) {
	require.Equal(t, int64(300<<10), parseAvailable([]byte("MemTotal:         900 kB\nMemFree:          100 kB\nMemAvailable:     300 kB\n")))
	for _, strange := range []string{"", "MemTotal:         900 kB\n", "MemAvailable:     many kB\n", "MemAvailable: 300\n"} {
		require.Zero(t, parseAvailable([]byte(strange)), strange)
	}
}
