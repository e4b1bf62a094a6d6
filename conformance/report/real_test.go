package report_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/known"
	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// A framer that never compares a checksum fails in the same cases in every format, and the list that is
// written of it excuses them. Of the other clauses of the checksum nothing is known then.
func TestRealRunGivesTheSameCountsInEveryFormat(t *testing.T) {
	rep := conformance.CheckFramer(t.Context(), withoutChecksums, conformance.Only("CRC-*", "STR-1"), conformance.Subject("no checksums"))
	run := report.Run{Report: rep, Environment: report.Here()}
	require.Equal(t, report.Violated, run.Verdict())
	must := run.Count(spec.Must)
	require.Equal(t, report.Count{Hold: 1, Violated: 1, Unknown: 4}, must, "%+v", run.Clauses())
	failed := 0
	for _, r := range rep.Results {
		if r.Status == result.StatusFail {
			failed++
		}
	}
	require.Positive(t, failed)

	back, err := report.Read(bytes.NewReader(written(t, report.JSON, run)))
	require.NoError(t, err)
	require.Equal(t, must, back[0].Count(spec.Must))
	require.Equal(t, failed, readJUnit(t, run).Failures)
	require.Contains(t, string(written(t, report.Markdown, run)), "1 of 6 MUST hold, 1 does not, 4 not known.")
	page := parse(t, written(t, report.HTML, run))
	require.Contains(t, text(page), "1 of 6 MUST hold, 1 does not, 4 not known.")
	require.Contains(t, text(within(t, page, "run1-CRC-4-violated")), "CRC32C, but the payload has")

	var list strings.Builder
	require.NoError(t, known.Write(&list, rep, false))
	require.Equal(t, 0, report.ExitStatus(excusing(t, run, list.String())), list.String())
}

func withoutChecksums(rw io.ReadWriter, o conformance.FramerOptions) conformance.Framer {
	return &trusting{rw, o.Framing == spec.Basic, cmp.Or(o.MaxPayload, 10<<20)}
}

// trusting is a framer that writes checksums and never compares them.
type trusting struct {
	io.ReadWriter
	basic bool
	limit int
}

func (f *trusting) ReadFrame() (spec.Frame, error) {
	header := make([]byte, 18)
	if f.basic {
		header = header[:4]
	}
	if _, err := io.ReadFull(f, header); err != nil {
		return spec.Frame{}, err
	}
	var id uint64
	length := int(binary.BigEndian.Uint32(header))
	if !f.basic {
		id, length = binary.BigEndian.Uint64(header[6:]), int(binary.BigEndian.Uint32(header[2:]))-18
	}
	if length < 0 || length > f.limit {
		return spec.Frame{}, spec.TooLarge
	}
	payload := make([]byte, length)
	if _, err := io.ReadFull(f, payload); err != nil {
		return spec.Frame{}, err
	}
	return spec.Frame{ID: id, Payload: payload}, nil
}

func (f *trusting) WriteFrame(id uint64, payload []byte) error {
	var frame []byte
	if f.basic {
		frame = binary.BigEndian.AppendUint32(frame, uint32(len(payload)))
	} else {
		frame = binary.BigEndian.AppendUint32([]byte("PY"), uint32(18+len(payload)))
		frame = binary.BigEndian.AppendUint64(frame, id)
		frame = binary.BigEndian.AppendUint32(frame, crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)))
	}
	_, err := f.Write(append(frame, payload...))
	return err
}
