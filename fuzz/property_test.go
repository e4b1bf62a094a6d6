//go:build !gofuzz

package fuzz

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"
	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/message"
)

// Fuzzing begins with the vectors and changes bytes. These properties begin with what peers really send,
// streams of frames and messages of every form, and make it as strange as it may be.

// check checks a property on generated cases. Each failure, and each run with -v, names the seed that gives
// the same cases again: set PYPROCTEST_SEED to it.
func check(t *testing.T, property gopter.Prop, cases int) *gopter.TestResult {
	t.Helper()
	seed := time.Now().UnixNano()
	if s := os.Getenv("PYPROCTEST_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseInt(s, 10, 64)
		require.NoError(t, err, "PYPROCTEST_SEED is a decimal number")
	}
	t.Logf("to replay: PYPROCTEST_SEED=%d go test -run '^%s$'", seed, t.Name())
	parameters := gopter.DefaultTestParametersWithSeed(seed)
	parameters.MinSuccessfulTests = cases
	return property.Check(parameters)
}

func requireHolds(t *testing.T, property gopter.Prop) {
	t.Helper()
	result := check(t, property, 300)
	if !result.Passed() {
		gopter.NewFormatedReporter(true, 100, t.Output()).ReportTestResult(t.Name(), result)
		t.Fail()
	}
}

// requireFails is for a property of an implementation with a fault. It is looked for until it is found, for so many
// cases that none is missed by chance.
func requireFails(t *testing.T, fault string, property gopter.Prop) {
	t.Helper()
	require.False(t, check(t, property, 30000).Passed(), "%s: the property holds all the same", fault)
}

var anyID = gen.OneGenOf(
	gen.OneConstOf(uint64(0), uint64(1), uint64(1<<31), uint64(math.MaxUint32), uint64(1<<32), uint64(1<<53+1), uint64(math.MaxUint64)),
	gen.UInt64(),
)

// anyFrames are frames of all sizes, mostly small ones.
var anyFrames = gen.SliceOfN(4, gopter.CombineGens(anyID, gen.Weighted([]gen.WeightedGen{
	{Weight: 9, Gen: gen.IntRange(0, 40)}, {Weight: 1, Gen: gen.OneConstOf(1<<12, 64<<10-18, 64<<10, 72<<10, repairedMax)},
})).Map(func(v []any) frame.Frame {
	id := v[0].(uint64)
	return frame.Frame{RequestID: id, Payload: bytes.Repeat([]byte{byte(id)}, v[1].(int))}
}))

// codecsAgree is that every codec reads the same from frames of which one is damaged, delivered in pieces.
func codecsAgree(codecs map[string]reading) gopter.Prop {
	return prop.ForAll(func(frames []frame.Frame, basic bool, damage uint16, step int) (bool, error) {
		data, _ := spoil(frames, framingOf(basic), damage)
		if err := checkAgreement(codecs, data, framingOf(basic), repairedMax, step); err != nil {
			return false, err
		}
		return true, nil
	}, anyFrames, gen.Bool(), gen.OneGenOf(gen.Const(uint16(0)), gen.UInt16()), gen.OneGenOf(gen.IntRange(1, 40), gen.IntRange(1, 1<<18)))
}

// [FRM-1] to [FRM-9], [CRC-1] to [CRC-5], [STR-1] to [STR-4]
func TestCodecsAgreeOnStreams(t *testing.T) {
	all := codecs(t.Cleanup)
	requireHolds(t, codecsAgree(all))
	for _, fault := range append([]string{"forgets what the last piece began"}, faultsOfReading...) {
		all["faulty"] = faulty(fault)
		requireFails(t, fault, codecsAgree(all))
	}
}

// readBack is that what is written in any way reads as what was written, in both framings.
func readBack(write writing, read reading) gopter.Prop {
	return prop.ForAll(func(frames []frame.Frame, basic bool, step int) (bool, error) {
		var w narrow
		w.room = math.MaxInt
		for i, f := range frames {
			if err := write(&w, framingOf(basic), repairedMax, f); err != nil {
				return false, err
			}
			if basic {
				frames[i].RequestID = 0 // [FRM-4]
			}
		}
		got, err := read(stream{framing: framingOf(basic), maxPayload: repairedMax, pieces: split(w.got, []byte{byte(step)})})
		if want := (verdict{frames: frames}); err == nil && !got.equal(want) {
			err = fmt.Errorf("read %v, expected %v", got, want)
		}
		return err == nil, err
	}, anyFrames, gen.Bool(), gen.IntRange(0, 255))
}

// What the reference writes the suite reads, and the other way about there is appendFrame.
func TestWhatIsWrittenIsReadBackByTheSuite(t *testing.T) {
	for name, write := range writings(5) {
		t.Run(name, func(t *testing.T) { requireHolds(t, readBack(write, suite)) })
	}
	for _, fault := range []string{"counts the payload alone", "sums with another polynomial"} {
		requireFails(t, fault, readBack(faultsOfWriting[fault], suite))
	}
}

// anyMessage is a message of any kind, most of them right. Its parts come from short lists, so that odd ones
// meet often.
var anyMessage = gopter.CombineGens(
	gen.OneConstOf(`{"id":%s,"method":%s,"body":%s%s}`, `{"method":%[2]s, "id" : %[1]s%[4]s}`, `{"id":%[1]s,"ok":true,"body":%[3]s%[4]s}`,
		`{"ok":false,"error":%[2]s,"id":%[1]s%[4]s}`, `{"id":%[1]s,"reason":%[2]s%[4]s}`, `[%s,%s,%s%s]`),
	gen.OneGenOf(anyID.Map(func(id uint64) string { return strconv.FormatUint(id, 10) }),
		gen.OneConstOf("-0", "1.0", "1e1", `"1"`, "18446744073709551616", "null", "007")),
	gen.OneConstOf(`"echo"`, `""`, `"\ud83d\ude00"`, `"größe"`, "7", "null", "\"\xff\"", `"\u0000"`),
	gen.OneConstOf("null", "false", "[]", `{"id":2}`, "1.5e300", `"\u2028"`, "NaN", "[[[[]]]]", `"`+"\x01"+`"`),
	gen.OneConstOf("", `,"ID":3`, `,"type":"request"`, `,"type":"request","payload":{"id":5,"method":"m"}`, `,"id":4`, `,"unknown":{"id":9}`, ","),
	gen.OneConstOf("%s", "%s", `{"type":"request","payload":%s}`, `{"payload":%s,"type":"response"}`, `{"type":"cancellation","payload":%s}`,
		`{"type":"other","payload":%s}`, "%s ", "\n%s", "%s}", `{"type":1,"payload":%s}`),
).Map(func(v []any) string {
	inner := fmt.Sprintf(v[0].(string)+"%.0[1]s%.0[2]s%.0[3]s%.0[4]s", v[1], v[2], v[3], v[4])
	return fmt.Sprintf(v[5].(string), inner)
})

func messagesAgree(read parsers, p *python) gopter.Prop {
	return prop.ForAll(func(payload string) (bool, error) {
		err := checkMessage(read, []byte(payload), p)
		return err == nil, err
	}, anyMessage)
}

// [MSG-2] to [MSG-6], [MSG-8], [MSG-10], [MSG-11], [MSG-15]
func TestMessagesAreReadAsTheSuiteReadsThem(t *testing.T) {
	p := openPython(t.Cleanup)
	requireHolds(t, messagesAgree(reference, p))
	for fault, read := range faultsOfParsing() {
		requireFails(t, fault, messagesAgree(read, p))
	}
}

// [MSG-17] Whatever a pool is asked to call, what it sends is a request to the suite and to Python.
func TestRequestsAreWellFormedToOthers(t *testing.T) {
	p := openPython(t.Cleanup)
	requireHolds(t, prop.ForAll(func(id uint64, method string) (bool, error) {
		err := checkMessage(reference, message.AppendRequest(nil, id, method, nil), p)
		return err == nil, err
	}, anyID, gen.OneGenOf(gen.AnyString(), gen.SliceOf(gen.UInt8()).Map(func(b []byte) string { return string(b) }))))
}
