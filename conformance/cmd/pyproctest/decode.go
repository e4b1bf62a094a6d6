package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/inspect"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// What is shown and read without --all.
const (
	framesShown = 20   // from the beginning
	wrongShown  = 10   // frames with violations, wherever they are
	wrongRead   = 1000 // after so many frames with violations, decode reads no further
)

func decodeCommand() *cobra.Command {
	d := &decoding{}
	var framing, sender string
	var asHex bool
	c := &cobra.Command{
		Use:   "decode FILE|-|HEX...",
		Short: "Show a byte stream frame by frame, and what is wrong with it",
		Long: fmt.Sprintf(`Shows the bytes of one direction of a connection frame by frame, and points at the
first violation with its offset and its clause.

The bytes come from a file, from standard input (-), or from the arguments as hex digits.
White space and colons between the digits are ignored. Without --framing, the first two
bytes decide the framing. A file that pyproctest tap --record wrote is decoded connection
by connection, in both directions.

It shows the first %d frames and the first %d with violations, and ends with a summary.
After %d frames with violations it reads no further. --all shows and reads everything.

Exit status:
  0    nothing is wrong
  1    something is wrong
  2    the bytes could not be read
  130  it was ended by Ctrl-C or SIGTERM; the summary is of what it has read`, framesShown, wrongShown, wrongRead),
		Example: `  pyproctest decode capture.bin
  pyproctest decode --first capture.bin
  pyproctest decode 505900000011 00000000000000 0100000000
  socat -u UNIX-LISTEN:s - | pyproctest decode --sender pool -
  pyproctest decode recorded.jsonl     # from pyproctest tap --record`,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return errors.New("give a file, - for standard input, or the bytes in hex")
			case d.all && d.onlyFirst:
				return errors.New("give --all or --first, not both")
			}
			d.options.Framing, d.options.Sender = conformance.Framing(framing), spec.Role(sender)
			in, err := input(c.InOrStdin(), args, asHex)
			if err != nil {
				return err
			}
			defer in.Close()
			d.name, d.out = in.name, bufio.NewWriter(c.OutOrStdout())
			return d.run(c.Context(), in)
		},
	}
	f := c.Flags()
	f.StringVar(&framing, "framing", "", "enhanced or basic (default: the first two bytes decide)")
	f.StringVar(&sender, "sender", "", "who sent the bytes, pool or worker; the messages are then judged more strictly")
	f.IntVar(&d.options.MaxPayload, "max-payload", 0, "the largest payload of one frame, in bytes (default 10485760)")
	f.IntVar(&d.rows, "rows", 24, "how many rows of hex to show for each frame; 0 for all")
	f.BoolVar(&d.all, "all", false, "show every frame, and read to the end whatever is wrong")
	f.BoolVar(&d.onlyFirst, "first", false, "show the first violation alone, and read no further")
	f.BoolVar(&asHex, "hex", false, "the file or standard input holds hex digits")
	completeWords(c, "framing", string(conformance.Enhanced), string(conformance.Basic))
	completeWords(c, "sender", string(spec.RolePool), string(spec.RoleWorker))
	return c
}

// decoding is one run of the command.
type decoding struct {
	options   inspect.Options
	rows      int
	all       bool
	onlyFirst bool
	name      string // of the input, for messages
	out       *bufio.Writer

	source  source
	bytes   int64          // how many were read
	frames  int            // how many whole frames
	says    map[string]int // how many messages of each kind
	wrong   int            // how many frames have violations
	clauses map[string]int // how many violations there are of each clause
	first   *located       // the frame of the first violation
	ended   bool           // enough was read

	wrongSeen int   // how many of the frames with violations were shown
	skipped   int   // how many frames were not shown since the last one that was
	hidden    int   // how many were not shown in all
	after     int64 // where the last frame ends
}

// located is a frame and the connection that it is from.
type located struct {
	inspect.Frame
	connection string // empty if the input is one direction of one connection
}

// source finds the frames in what is read.
type source interface {
	write(block []byte) ([]located, error)
	end() ([]located, error)
	remarks(d *decoding) []string // for the summary
}

// run decodes until the input or the context ends. If the output takes no more by then, it gives up soon.
func (d *decoding) run(ctx context.Context, in io.Reader) error {
	d.says, d.clauses = map[string]int{}, map[string]int{}
	done := make(chan error, 1)
	go func() { done <- d.decode(ctx, in) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(time.Second):
		return &exit{statusInterrupted}
	}
}

// decode reads the input and shows what it should.
func (d *decoding) decode(ctx context.Context, in io.Reader) error {
	blocks := readBlocks(ctx, in)
	for !d.ended {
		var b block
		select {
		case b = <-blocks:
		case <-ctx.Done():
			return errors.Join(d.sumUp(), &exit{statusInterrupted})
		}
		if d.source == nil {
			var err error
			if d.source, err = d.sourceOf(b.data); err != nil {
				return err
			}
		}
		d.bytes += int64(len(b.data))
		if err := d.take(ctx, d.source.write, b.data); err != nil {
			return err
		}
		if b.err == io.EOF {
			break
		}
		if b.err != nil {
			return fmt.Errorf("reading ended after %d bytes: %w", d.bytes, b.err)
		}
	}
	if !d.ended {
		end := func([]byte) ([]located, error) { return d.source.end() }
		if err := d.take(ctx, end, nil); err != nil {
			return err
		}
	}
	if err := d.sumUp(); err != nil {
		return err
	}
	if d.first != nil {
		return &exit{statusViolated}
	}
	return nil
}

// sourceOf returns what finds the frames in an input that begins with this block.
func (d *decoding) sourceOf(beginning []byte) (source, error) {
	if isRecord(beginning) {
		return newRecordSource(d.options)
	}
	if d.options.Framing == "" {
		if hint := notFrames(beginning); hint != "" {
			return nil, fmt.Errorf("%s %s", d.name, hint)
		}
	}
	stream, err := inspect.NewStream(d.options)
	return &streamSource{stream}, err
}

// take finds the next frames and shows them.
func (d *decoding) take(ctx context.Context, find func([]byte) ([]located, error), data []byte) error {
	frames, err := find(data)
	for _, f := range frames {
		if d.ended || ctx.Err() != nil {
			break
		}
		if err := d.frame(f); err != nil {
			return err
		}
	}
	return errors.Join(err, d.out.Flush())
}

// frame counts the frame, and shows it if it is one to be shown.
func (d *decoding) frame(f located) error {
	d.after = f.Offset + int64(len(f.Bytes))
	if f.Whole {
		d.frames++
		d.says[kindOf(f.Message)]++
	}
	if wrong := len(f.Violations) > 0; wrong {
		d.wrong++
		for _, v := range f.Violations {
			d.clauses[v.Clause]++
		}
		if d.first == nil {
			d.first = &f
		}
		if d.ended = d.onlyFirst || !d.all && d.wrong == wrongRead; d.ended {
			d.bytes = min(d.bytes, d.after) // what was read beyond it does not count
		}
	}
	if !d.shows(f) {
		d.skipped++
		d.hidden++
		return nil
	}
	if len(f.Violations) > 0 {
		d.wrongSeen++
	}
	if d.skipped > 0 && !d.onlyFirst {
		fmt.Fprintf(d.out, "… %s not shown\n\n", text.Plural(d.skipped, "frame"))
	}
	d.skipped = 0
	return d.write(f)
}

// kindOf returns the kind of a message from what the inspection says of it.
func kindOf(message string) string {
	switch kind, _, _ := strings.Cut(message, " "); {
	case kind != "message":
		return kind
	case strings.HasSuffix(message, "read"):
		return "unreadable message"
	}
	return "other message"
}

// shows reports whether the frame is one to be shown.
func (d *decoding) shows(f located) bool {
	switch {
	case d.all:
		return true
	case len(f.Violations) > 0:
		return !f.Whole || d.wrongSeen < wrongShown
	}
	return !d.onlyFirst && d.frames <= framesShown
}

func (d *decoding) write(f located) error {
	rows := d.rows
	if rows <= 0 {
		rows = math.MaxInt
	}
	title := f.Message
	if !f.Whole {
		title = "no frame"
	}
	if f.connection != "" {
		fmt.Fprintf(d.out, "%s, %s, ", f.connection, f.Sender)
	}
	fmt.Fprintf(d.out, "byte %d, %s framing: %s\n%s", f.Offset, f.Framing, title, f.Dump(rows))
	for _, v := range f.Violations {
		fmt.Fprintf(d.out, "  %v\n", v)
	}
	_, err := fmt.Fprintln(d.out)
	return err
}

// sumUp writes the summary.
func (d *decoding) sumUp() error {
	if d.skipped > 0 && !d.onlyFirst {
		fmt.Fprintf(d.out, "… %s not shown\n\n", text.Plural(d.skipped, "frame"))
	}
	switch {
	case d.bytes == 0:
		fmt.Fprintln(d.out, "No bytes: a clean end [STR-1].")
	case d.first == nil:
		fmt.Fprintf(d.out, "%s in %d bytes, nothing wrong.\n", text.Plural(d.frames, "frame"), d.bytes)
	default:
		d.violated()
	}
	if len(d.says) > 0 {
		var kinds []string
		for _, kind := range slices.Sorted(maps.Keys(d.says)) {
			kinds = append(kinds, text.Plural(d.says[kind], kind))
		}
		fmt.Fprintf(d.out, "Messages: %s.\n", strings.Join(kinds, ", "))
	}
	if d.source != nil {
		for _, remark := range d.source.remarks(d) {
			fmt.Fprintln(d.out, remark)
		}
	}
	switch {
	case d.ended && !d.onlyFirst:
		fmt.Fprintf(d.out, "Stopped after %d frames with violations, at byte %d: --all reads on and shows everything.\n", d.wrong, d.after)
	case d.hidden > 0 && !d.onlyFirst:
		fmt.Fprintf(d.out, "%s not shown: --all shows everything.\n", text.Plural(d.hidden, "frame"))
	}
	return d.out.Flush()
}

// violated writes the part of the summary about what is wrong.
func (d *decoding) violated() {
	first := d.first.Violations[0]
	clause, _ := spec.LookUp(first.Clause)
	where := ""
	if d.first.connection != "" {
		where = fmt.Sprintf("%s, %s, ", d.first.connection, d.first.Sender)
	}
	fmt.Fprintf(d.out, "First violation: %sbyte %d (0x%x), %s: %s\n", where, first.Offset, first.Offset, clause.Name, clause.Sentence)
	if d.onlyFirst {
		return
	}
	fmt.Fprintf(d.out, "%s in %d bytes. Violations:", text.Plural(d.frames, "frame"), d.bytes)
	for _, name := range slices.Sorted(maps.Keys(d.clauses)) {
		fmt.Fprintf(d.out, " %s %d", name, d.clauses[name])
	}
	fmt.Fprintln(d.out, ".")
}

// streamSource finds the frames of one direction of one connection.
type streamSource struct{ *inspect.Stream }

func (s *streamSource) write(block []byte) ([]located, error) { return locate(s.Write(block), ""), nil }

func (s *streamSource) end() ([]located, error) { return locate(s.End(), ""), nil }

// remarks says what was not checked, and doubts the framing if nothing is right in it.
func (s *streamSource) remarks(d *decoding) (all []string) {
	if rest := d.bytes - d.after; rest > 0 && s.Stopped() && d.first != nil {
		all = append(all, fmt.Sprintf("The %d bytes after it were not checked: a framing error is final [STR-3].", rest))
	}
	if s.Framing() == spec.Basic && d.options.Framing == "" && d.first != nil && d.first.Offset == 0 {
		all = append(all, "The framing was taken for basic, because the bytes do not begin with 50 59: is this the beginning of a connection? --framing enhanced reads them as enhanced.")
	}
	return all
}

func locate(frames []inspect.Frame, connection string) (all []located) {
	for _, f := range frames {
		all = append(all, located{f, connection})
	}
	return all
}
