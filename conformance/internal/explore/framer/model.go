package framer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// model is what SPEC.md says of a framer, for one history. What must be read is a pure function of the bytes that have
// arrived, whatever their delivery [STR-4]; what must be written is an interleaving of whole frames, in the order of each
// lane, and at most one that is cut off, as the last [STR-5, STR-6].
type model struct {
	framing   spec.Framing
	limit     int
	isDefault bool // no limit was set
	step      int
	failure   *explore.Failure
	seen      map[string]bool
	exercised map[string]bool

	// Reading:
	in      []byte // arrived, and not read yet
	at      int    // frames that were read
	ended   bool   // the stream has ended behind them
	broken  error  // an error of the stream comes behind them, and was not reported yet
	final   error  // the framing error that every later read returns [STR-3]
	open    bool   // an error of the stream was reported: what comes then is open
	clean   bool   // the end was reported
	inParts bool   // the bytes came in more than one piece, or more than one frame in one
	writing bool   // a write waits for the stream

	// Writing:
	lanes      map[string]*lane
	refused    bool  // a write was refused as too large
	failed     bool  // the stream has failed a write
	writeError error // with this
	told       bool  // and the write that met that has returned
	within     bool  // when it had taken bytes of a frame
	several    bool  // writes of more than one lane met
}

type lane struct{ writes []*write }

// write is one WriteFrame.
type write struct {
	step     int
	lane     string
	id       uint64
	payload  []byte // the framer's own copy
	frame    []byte // the bytes that it makes
	tooLarge bool
	early    bool // it had begun before the write that met the failure of the stream returned
	open     bool // and when it returned, that had: whether its frame is there is open
	returned bool
	err      error
}

// mustBeThere reports whether the frame must stand whole on the stream.
func (w *write) mustBeThere() bool { return w.returned && w.err == nil && !w.open }

func (m *model) fail(f explore.Failure) {
	if m.failure == nil {
		f.Step = m.step
		m.failure = &f
	}
}

func (m *model) exercise(clauses ...string) {
	for _, c := range clauses {
		m.exercised[c] = true
	}
}

// expected is what a read must return: a frame, or one of the errors.
type expected struct {
	frame *spec.Frame
	errs  []error
	open  bool // anything
}

// next returns what a read must return with what has arrived, and whether it must return yet.
func (m *model) next() (want expected, due bool) {
	switch {
	case m.final != nil:
		return expected{errs: []error{m.final}}, true
	case m.open:
		return expected{open: true}, m.ended || m.broken != nil
	case m.clean:
		return expected{open: true}, true
	}
	f, used, err := wire.DecodeOne(m.framing, m.in, m.limit)
	switch {
	case err != nil:
		return expected{errs: []error{kindOf(err)}}, true
	case used > 0:
		return expected{frame: &f}, true
	}
	early := m.early()
	switch {
	case m.broken != nil:
		return expected{errs: append(early, m.broken)}, true
	case !m.ended:
		return expected{errs: early}, false
	case len(m.in) == 0:
		return expected{errs: []error{io.EOF}}, true
	}
	return expected{errs: append(early, spec.Truncated)}, true
}

// early returns the error that a part of a header already shows. Whether it is told before the whole header has come is the
// framer's choice.
func (m *model) early() []error {
	n := len(m.in)
	if m.framing == spec.Basic || n >= spec.EnhancedHeader {
		return nil
	}
	h := append(slices.Clone(m.in), make([]byte, spec.EnhancedHeader-n)...)
	if n < 2 {
		if n == 1 && h[0] != spec.Magic0 {
			return []error{spec.BadMagic}
		}
		return nil
	}
	if h[0] != spec.Magic0 || h[1] != spec.Magic1 {
		return []error{spec.BadMagic}
	}
	if n < 6 {
		return nil
	}
	if _, _, err := wire.DecodeOne(m.framing, h, m.limit); err != nil && !errors.Is(err, spec.BadCRC) {
		return []error{kindOf(err)}
	}
	return nil
}

func kindOf(err error) error {
	for _, kind := range spec.FramingErrors() {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return err
}

// got judges what a read returned.
func (m *model) got(f spec.Frame, err error) {
	want, due := m.next()
	m.seen["read "+class(err)] = true
	if want.open {
		return
	}
	if err != nil && len(f.Payload) > 0 {
		m.exercise("CRC-5")
		m.fail(explore.Failure{Rule: "no-payload-beside-an-error", Clause: "CRC-5", Want: "an error and no payload", Got: fmt.Sprintf("%s of payload beside %v", text.Plural(len(f.Payload), "byte"), err)})
		return
	}
	switch {
	case want.frame != nil && err == nil && f.ID == want.frame.ID && bytes.Equal(f.Payload, want.frame.Payload):
		m.exerciseFrame(*want.frame)
		m.in = m.in[m.framing.HeaderSize()+len(f.Payload):]
		m.at++
		return
	case err != nil && slices.ContainsFunc(want.errs, func(e error) bool { return errors.Is(err, e) && !m.alsoOther(err, e) }):
		m.tookError(err, want)
		return
	}
	clause, kin := m.blameRead(want, f, err)
	m.fail(explore.Failure{
		Rule: "reads-are-right", Clause: clause, Kin: kin, Want: describe(want), Got: describeGot(f, err), Dump: wire.Dump(m.framing, m.in[:min(len(m.in), 128)], len(m.in), 6),
	})
	_ = due
}

// ofTheStream reports whether an error is one that the stream fails with.
func ofTheStream(err error) bool { return err == readErrors["timeout"] || err == readErrors["reset"] }

// alsoOther reports whether the error of the stream comes as a framing error or as the end too [STR-10].
func (m *model) alsoOther(err, want error) bool {
	if !ofTheStream(want) {
		return false
	}
	if errors.Is(err, io.EOF) && err == io.EOF {
		return true
	}
	return slices.ContainsFunc(spec.FramingErrors(), func(k spec.ErrorKind) bool { return errors.Is(err, k) })
}

// tookError notes that a right error was returned.
func (m *model) tookError(err error, want expected) {
	for _, kind := range spec.FramingErrors() {
		if errors.Is(err, kind) && slices.Contains(want.errs, error(kind)) {
			m.exercise(map[spec.ErrorKind]string{spec.BadMagic: "FRM-6", spec.BadLength: "FRM-7", spec.TooLarge: "FRM-8", spec.Truncated: "STR-2", spec.BadCRC: "CRC-4"}[kind], "FRM-9")
			if m.final != nil {
				m.exercise("STR-3")
			}
			if kind == spec.BadCRC {
				m.exercise("CRC-5")
			} else if kind != spec.Truncated && !m.ended {
				m.exercise("FRM-10")
			}
			m.final = kind
			return
		}
	}
	switch {
	case m.broken != nil && errors.Is(err, m.broken):
		m.exercise("STR-10")
		m.broken, m.open = nil, true
	case errors.Is(err, io.EOF):
		m.exercise("STR-1")
		m.clean = true
	}
}

func (m *model) exerciseFrame(f spec.Frame) {
	if m.framing == spec.Basic {
		m.exercise("FRM-4")
	} else {
		m.exercise("FRM-1", "FRM-2", "FRM-3", "CRC-1", "CRC-2")
	}
	if len(f.Payload) == 0 {
		m.exercise("FRM-5", "CRC-3")
	}
	if m.inParts {
		m.exercise("STR-4")
	}
	if len(f.Payload) == m.limit {
		m.exercise("FRM-8")
	}
}

// blameRead returns the clause that a wrong reading breaks.
func (m *model) blameRead(want expected, f spec.Frame, err error) (clause string, kin []string) {
	if m.final != nil {
		return "STR-3", nil
	}
	if want.frame == nil && len(want.errs) == 0 {
		return "STR-4", []string{"STR-1", "STR-2"} // it returned before all had come
	}
	if want.frame == nil {
		kind := want.errs[len(want.errs)-1]
		clause = map[error]string{
			spec.BadMagic: "FRM-6", spec.BadLength: "FRM-7", spec.TooLarge: "FRM-8", spec.Truncated: "STR-2", spec.BadCRC: "CRC-4", io.EOF: "STR-1", readErrors["timeout"]: "STR-10", readErrors["reset"]: "STR-10",
		}[kind]
		kin = []string{"FRM-9", "STR-3"}
		var got spec.ErrorKind
		switch {
		case err == nil && clause == "STR-10":
			clause, kin = "STR-4", []string{"STR-2", "STR-10"}
		case m.inParts && m.at > 0:
			kin = append(kin, "STR-4")
		case kind == spec.TooLarge && errors.Is(err, spec.Truncated) && m.claimed() >= 1<<31-18:
			kin = append(kin, "FRM-10") // compared as a signed number
		case errors.As(err, &got) && clause[:3] != "STR" && kind != spec.BadCRC:
			clause = "FRM-9"
			kin = append(kin, "FRM-2", "FRM-8")
		case kind == spec.TooLarge && m.isDefault:
			clause = "FRM-13"
		case kind == spec.TooLarge && err == nil:
		case kind == spec.BadCRC && len(m.in) == spec.EnhancedHeader:
			kin = append(kin, "CRC-3")
		}
		return clause, kin
	}
	empty, basic := len(want.frame.Payload) == 0, m.framing == spec.Basic
	plain := "FRM-1"
	if basic {
		plain = "FRM-4"
	}
	switch {
	case err == nil && f.ID != want.frame.ID && bytes.Equal(f.Payload, want.frame.Payload):
		clause, kin = "FRM-3", []string{"FRM-1"}
		if basic {
			clause = "FRM-4"
		}
	case m.at > 0 || m.inParts && (err != nil || f.ID == want.frame.ID):
		clause, kin = "STR-4", []string{plain, "FRM-3"}
	case empty && (errors.Is(err, io.EOF) || err == nil):
		clause = "FRM-5"
	case empty && errors.Is(err, spec.BadCRC):
		clause = "CRC-3"
	case errors.Is(err, spec.BadCRC):
		clause, kin = "CRC-1", []string{"CRC-2"}
		if want.frame.ID != 0 { // simpler values have been tried: the checksum depends on the ID
			clause, kin = "CRC-2", []string{"CRC-1", "FRM-3"}
		}
	case errors.Is(err, spec.TooLarge):
		clause, kin = "FRM-8", []string{"FRM-1", "FRM-2"}
		clause = m.orDefault("FRM-8")
	case errors.Is(err, spec.BadLength), errors.Is(err, spec.Truncated):
		clause, kin = "FRM-2", []string{"FRM-1", "FRM-4"}
		if basic {
			clause = "FRM-4"
		}
	case err == nil && f.ID != want.frame.ID && basic:
		clause = "FRM-4"
	case err == nil && f.ID != want.frame.ID:
		clause, kin = "FRM-3", []string{"FRM-1"}
	default:
		clause = plain
	}
	return clause, kin
}

// orDefault returns FRM-13 in place of a clause about a limit that was not set.
func (m *model) orDefault(clause string) string {
	if m.isDefault {
		return "FRM-13"
	}
	return clause
}

// claimed returns how many bytes of payload the header claims.
func (m *model) claimed() uint64 {
	switch {
	case m.framing == spec.Basic && len(m.in) >= spec.BasicHeader:
		return uint64(binary.BigEndian.Uint32(m.in))
	case m.framing != spec.Basic && len(m.in) >= 6:
		return uint64(binary.BigEndian.Uint32(m.in[2:])) - spec.EnhancedHeader
	}
	return 0
}

// missing returns the failure of a read that must have returned.
func (m *model) missing() *explore.Failure {
	want, due := m.next()
	if !due {
		return nil
	}
	f := &explore.Failure{Rule: "reads-return", NotSeen: true, Want: describe(want), Got: "the read does not return"}
	switch {
	case m.writing:
		f.Clause = "STR-8"
	case m.final != nil:
		f.Clause = "STR-3"
	case want.open:
		return nil
	case want.frame != nil:
		f.Clause, f.Kin = "STR-4", []string{"FRM-10", "STR-3"}
	default:
		switch kind := want.errs[len(want.errs)-1]; {
		case kind == spec.Truncated:
			f.Clause = "STR-2"
		case kind == io.EOF:
			f.Clause = "STR-1"
		case kind == spec.BadCRC:
			f.Clause = "CRC-4"
		case ofTheStream(kind):
			f.Clause = "STR-10"
		default:
			f.Clause, f.Kin = "FRM-10", []string{"FRM-9", "STR-4", "FRM-8"}
		}
	}
	return f
}

func describe(want expected) string {
	if want.frame != nil {
		return describeGot(*want.frame, nil)
	}
	if len(want.errs) == 0 {
		return "a read that waits"
	}
	return fmt.Sprintf("%v", want.errs[len(want.errs)-1])
}

func describeGot(f spec.Frame, err error) string {
	if err != nil {
		return text.OneLine(err)
	}
	return fmt.Sprintf("a frame with ID %d and %s of payload: % x", f.ID, text.Plural(len(f.Payload), "byte"), f.Payload[:min(len(f.Payload), 24)])
}

func class(err error) string {
	if err == nil {
		return "frame"
	}
	for _, kind := range append(spec.FramingErrors(), spec.ErrorKind("")) {
		if kind != "" && errors.Is(err, kind) {
			return string(kind)
		}
	}
	return text.Clip(err.Error(), 30)
}
