package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/inspect"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func decodeCommand() *cobra.Command {
	d := &decoding{}
	var framing, sender string
	var asHex bool
	c := &cobra.Command{
		Use:   "decode FILE|-|HEX...",
		Short: "Show a byte stream frame by frame, and what is wrong with it",
		Long: `Shows the bytes of one direction of a connection frame by frame, and points at the
first violation with its offset and its clause.

The bytes come from a file, from standard input (-), or from the arguments as hex digits.
White space and colons between the digits are ignored. Without --framing, the first two
bytes decide the framing.

Exit status:
  0  nothing is wrong
  1  something is wrong
  2  the bytes could not be read`,
		Example: `  pyproctest decode capture.bin
  pyproctest decode 505900000011 00000000000000 0100000000
  socat -u UNIX-LISTEN:s - | pyproctest decode --sender pool -`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("give a file, - for standard input, or the bytes in hex")
			}
			d.options.Framing, d.options.Sender = conformance.Framing(framing), spec.Role(sender)
			in, err := input(c.InOrStdin(), args, asHex)
			if err != nil {
				return err
			}
			defer in.Close()
			d.out = c.OutOrStdout()
			return d.decode(in)
		},
	}
	c.Flags().StringVar(&framing, "framing", "", "enhanced or basic (default: the first two bytes decide)")
	c.Flags().StringVar(&sender, "sender", "", "who sent the bytes, pool or worker; the messages are then judged more strictly")
	c.Flags().IntVar(&d.options.MaxPayload, "max-payload", 0, "the largest payload of one frame, in bytes (default 10485760)")
	c.Flags().IntVar(&d.rows, "rows", 24, "how many rows of hex to show for each frame; 0 for all")
	c.Flags().BoolVar(&asHex, "hex", false, "the file or standard input holds hex digits")
	completeWords(c, "framing", string(conformance.Enhanced), string(conformance.Basic))
	completeWords(c, "sender", string(spec.RolePool), string(spec.RoleWorker))
	return c
}

// input returns the bytes that the arguments name.
func input(stdin io.Reader, args []string, asHex bool) (io.ReadCloser, error) {
	var in io.ReadCloser
	switch file, err := os.Open(args[0]); {
	case len(args) == 1 && args[0] == "-":
		in = io.NopCloser(stdin)
	case len(args) == 1 && err == nil:
		in = file
	default:
		if file != nil {
			_ = file.Close()
		}
		data, bad := fromHex(strings.Join(args, ""))
		if bad != nil {
			if len(args) == 1 && !errors.Is(err, fs.ErrNotExist) && err != nil {
				return nil, err
			}
			return nil, fmt.Errorf("%s is not a file, and not bytes in hex: %w", strings.Join(args, " "), bad)
		}
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	if !asHex {
		return in, nil
	}
	defer in.Close()
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	data, err := fromHex(string(text))
	if err != nil {
		return nil, fmt.Errorf("these are not bytes in hex: %w", err)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// fromHex reads hex digits with white space, colons and commas between them.
func fromHex(text string) ([]byte, error) {
	digits := strings.Join(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n:,", r) }), "")
	return hex.DecodeString(strings.TrimPrefix(digits, "0x"))
}

// decoding is one run of the command.
type decoding struct {
	options inspect.Options
	rows    int
	out     io.Writer

	frames int
	bytes  int64 // how many were read
	shown  int64 // how many of them were shown
	first  *inspect.Violation
	more   int // how many violations came after the first
}

// decode shows everything that it reads.
func (d *decoding) decode(in io.Reader) error {
	inspector, err := inspect.NewStream(d.options)
	if err != nil {
		return err
	}
	block := make([]byte, 64<<10)
	for {
		n, err := in.Read(block)
		d.bytes += int64(n)
		if err := d.show(inspector.Write(block[:n])); err != nil {
			return err
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("reading ended after %d bytes: %w", d.bytes, err)
		}
	}
	if err := d.show(inspector.End()); err != nil {
		return err
	}
	return d.sumUp(inspector)
}

func (d *decoding) show(frames []inspect.Frame) error {
	rows := d.rows
	if rows <= 0 {
		rows = math.MaxInt
	}
	for _, f := range frames {
		d.frames++
		title := f.Message
		if !f.Whole {
			d.frames--
			title = "no frame"
		}
		text := fmt.Sprintf("byte %d, %s framing: %s\n%s", f.Offset, f.Framing, title, f.Dump(rows))
		for _, v := range f.Violations {
			text += fmt.Sprintf("  %v\n", v)
			if d.first == nil {
				d.first = &v
			} else {
				d.more++
			}
		}
		d.shown = f.Offset + int64(len(f.Bytes))
		if _, err := fmt.Fprintln(d.out, text); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoding) sumUp(i *inspect.Stream) error {
	if d.bytes == 0 {
		fmt.Fprintln(d.out, "No bytes: a clean end [STR-1].")
		return nil
	}
	if rest := d.bytes - d.shown; rest > 0 && i.Stopped() {
		fmt.Fprintf(d.out, "The %d bytes after it were not checked: a framing error is final [STR-3].\n\n", rest)
	}
	if d.first == nil {
		fmt.Fprintf(d.out, "%s in %d bytes, nothing wrong.\n", text.Plural(d.frames, "frame"), d.bytes)
		return nil
	}
	clause, _ := spec.LookUp(d.first.Clause)
	fmt.Fprintf(d.out, "First violation: byte %d (0x%x), %s: %s\n", d.first.Offset, d.first.Offset, clause.Name, clause.Sentence)
	if d.more > 0 {
		fmt.Fprintf(d.out, "%s more.\n", text.Plural(d.more, "violation"))
	}
	return &exit{statusViolated}
}
