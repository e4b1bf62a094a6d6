package conformance_test

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
)

// A planted fault is a right framer with one bad habit. The suite must find each, and name the clause
// that it breaks and no other, except those that the same fault must break as well.
func TestFramerFaults(t *testing.T) {
	type framerFault struct {
		name   string
		breaks string
		too    []string // clauses that the same fault may break as well, each for the reason beside it
	}
	for i, fault := range plantedNow([]framerFault{
		{"all fields little-endian", "FRM-1", nil},
		{"header of 14 bytes, ID of 32 bits", "FRM-1", nil},
		{"length of the payload alone", "FRM-2", nil},
		{"ID cut to 32 bits", "FRM-3", nil},
		{"ID through a double", "FRM-3", nil},
		{"basic length counts the header", "FRM-4", nil},
		{"basic ID read from the payload", "FRM-4", nil},
		{"empty payload is the end", "FRM-5", nil},
		{"empty payload is not written", "FRM-5", nil},
		{"second byte of the magic not compared", "FRM-6", nil},
		{"length 17 panics", "FRM-7", nil},
		{"limit excludes itself", "FRM-8", nil},
		{"limit counts the header", "FRM-8", nil},
		{"limit compared as signed 32 bits", "FRM-8", nil},
		{"no limit on reading", "FRM-8", nil},
		{"length compared before the magic", "FRM-9", nil},
		{"payload read before the limit is compared", "FRM-9", []string{"FRM-10"}}, // so it waits for one
		{"refusal waits for more bytes", "FRM-10", nil},
		{"memory for the claimed length", "FRM-11", nil},
		{"header of a refused payload goes out", "FRM-12", nil},
		{"refused write breaks the framer", "FRM-12", nil},
		{"default limit of 16 MB", "FRM-13", nil},
		{"IEEE checksum", "CRC-1", nil},
		{"checksum covers the request ID", "CRC-2", nil},
		{"checksum of an empty payload inverted", "CRC-3", nil},
		{"checksum not compared", "CRC-4", nil},
		{"payload beside the error", "CRC-5", nil},
		{"clean end is an error", "STR-1", nil},
		{"end behind a header is clean", "STR-2", nil},
		{"end inside a payload hands out what there is", "STR-2", nil},
		{"end inside a header asks again for ever", "STR-2", nil},
		{"every error is forgotten", "STR-3", nil},
		{"scans for the next magic", "STR-3", []string{"FRM-6"}}, // so it never refuses one
		{"one Read is one payload", "STR-4", []string{"STR-2"}},  // so the end does not cut a payload off
		{"bytes read ahead are dropped", "STR-4", nil},
		{"fills a buffer before it looks", "STR-4", []string{"FRM-10"}}, // so a header alone is not looked at
		{"Read of nothing is the end", "STR-4", nil},
		{"no lock, two Writes", "STR-5", nil},
		{"no lock, one Write", "STR-5", nil},
		{"lock released behind the header", "STR-5", []string{"STR-6"}}, // so another's write can fail there
		{"short write forgotten", "STR-6", nil},
		{"short write unnoticed", "STR-6", nil},
		{"lock kept behind a short write", "STR-6", nil},
	}) {
		t.Run(strings.ReplaceAll(fault.name, " ", "-"), func(t *testing.T) {
			if fault.breaks != "FRM-11" { // which measures the memory of the process
				t.Parallel()
			}
			cases := casesFor(fault.breaks, i)
			if strings.HasPrefix(fault.name, "no lock") { // what else it breaks is a race
				cases = []string{fault.breaks}
			}
			report := conformance.CheckFramer(t.Context(), framerWith(t, fault.name), conformance.Patience(2*time.Second), conformance.Only(cases...))
			var violated []string
			for _, c := range report.ByClause() {
				if c.Status == conformance.StatusFail && !slices.Contains(fault.too, c.Name) {
					violated = append(violated, c.Name)
				}
			}
			require.Equal(t, []string{fault.breaks}, violated, "%s", failures(report))
		})
	}
}

// casesFor are all cases of the clause, and of the others those that are quick: every case with a story
// of its own, and one vector in eight, not the same ones for each fault.
func casesFor(clause string, fault int) []string {
	cases := []string{clause}
	vector := regexp.MustCompile("^(enhanced|basic|stream)-")
	for i, c := range conformance.Cases() {
		dear := slices.Contains([]string{"FRM-11", "FRM-13", "STR-5"}, c.Clauses[0]) || slices.Contains([]string{
			"limit-counts-the-payload-alone", "frames-in-random-pieces", "large-frame-in-small-pieces"}, c.Name)
		if c.Role == conformance.RoleFramer && !dear && (i%8 == fault%8 || !vector.MatchString(c.Name)) {
			cases = append(cases, c.Clauses[0]+"/"+c.Name)
		}
	}
	return cases
}

// failures is the text of the first cases that failed, to see what the suite said.
func failures(r conformance.Report) string {
	var b strings.Builder
	n := 0
	for _, result := range r.Results {
		if result.Status == conformance.StatusFail {
			if n++; n <= 5 {
				b.WriteString(result.Text())
			}
		}
	}
	return fmt.Sprintf("%d cases failed:\n%s", n, b.String())
}

// What is odd but right must pass.
func TestFramerOddButRight(t *testing.T) {
	for _, odd := range []string{
		"reads single bytes",
		"reads through bufio",
		"reads ahead in a goroutine",
		"reads the magic before the rest",
		"reuses one buffer for payloads",
		"writes byte by byte under one lock",
		"writes header and payload apart under one lock",
		"wraps the stream's errors into its own",
	} {
		t.Run(strings.ReplaceAll(odd, " ", "-"), func(t *testing.T) {
			report := conformance.CheckFramer(t.Context(), framerWith(t, odd))
			for _, result := range report.Results {
				require.Equal(t, conformance.StatusPass, result.Status, "%s", result.Text())
			}
			for _, c := range report.ByClause() {
				if c.Untestable == "" {
					require.Equal(t, conformance.StatusPass, c.Status, c.Name)
				}
			}
		})
	}
}

// A framer that cannot be made is told once, and nothing looks green.
func TestMissingFramerIsToldOnce(t *testing.T) {
	for name, open := range map[string]conformance.OpenFramer{
		"nil function": nil,
		"nil framer":   func(io.ReadWriter, conformance.FramerOptions) conformance.Framer { return nil },
		"panic":        func(io.ReadWriter, conformance.FramerOptions) conformance.Framer { panic("no framing") },
	} {
		report := conformance.CheckFramer(t.Context(), open)
		require.Empty(t, report.Results, name)
		require.Len(t, report.NotRun, 1, name)
		require.Contains(t, report.NotRun[0], "no framer to test", name)
		for _, c := range report.ByClause() {
			require.Empty(t, c.Status, name)
		}
	}
}

// A failure says which clause, what was wanted and got, the bytes with their fields, and why as a rule.
func TestFramerFailureText(t *testing.T) {
	report := conformance.CheckFramer(t.Context(), framerWith(t, "ID cut to 32 bits"), conformance.Only("FRM-3/enhanced-id-2-53-plus-1"))
	require.Len(t, report.Results, 1)
	text := report.Results[0].Text()
	for _, want := range []string{
		"FRM-3 (MUST) The request ID of an enhanced frame is an unsigned 64-bit integer",
		"expected: frame 1 of 1: a frame with ID 9007199254740993",
		"got:      a frame with ID 1 ",
		"usual cause: The request ID passes through 32 bits",
		"made for the enhanced framing, max_payload 64",
		"0006  00 20 00 00 00 00 00 01                          request ID 9007199254740993",
	} {
		require.Contains(t, text, want)
	}
}
