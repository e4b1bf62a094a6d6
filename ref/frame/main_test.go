package frame_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/leanovate/gopter"
	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// holds checks a property with generated cases. Each failure, and each run with -v, prints the seed. Set
// PYPROCTEST_SEED to it to get the same cases again.
func holds(t *testing.T, property gopter.Prop) {
	t.Helper()
	seed := time.Now().UnixNano()
	if s := os.Getenv("PYPROCTEST_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseInt(s, 10, 64)
		require.NoError(t, err, "PYPROCTEST_SEED is a decimal number")
	}
	t.Logf("to replay: PYPROCTEST_SEED=%d go test -run '^%s$'", seed, t.Name())
	parameters := gopter.DefaultTestParametersWithSeed(seed)
	parameters.MinSuccessfulTests = 300
	result := property.Check(parameters)
	if !result.Passed() {
		gopter.NewFormatedReporter(true, 100, t.Output()).ReportTestResult(t.Name(), result)
		t.Fail()
	}
}

var framings = []frame.Framing{frame.Enhanced, frame.Basic}

// eachFraming runs a test in both framings.
func eachFraming(t *testing.T, statement func(*testing.T, frame.Framing)) {
	for _, framing := range framings {
		t.Run(framing.String(), func(t *testing.T) { statement(t, framing) })
	}
}

// stream appends one frame after the other; the i-th has the ID i, from 1.
func stream(framing frame.Framing, payloads ...[]byte) []byte {
	var b []byte
	for i, p := range payloads {
		b = frame.AppendFrame(b, framing, uint64(i+1), p)
	}
	return b
}

// pattern returns a payload of the given size without repeated parts, always the same.
func pattern(size int) []byte {
	p := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size), byte(size >> 8), byte(size >> 16)}).Read(p)
	return p
}
