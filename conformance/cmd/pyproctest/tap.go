package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/tap"
)

func tapCommand() *cobra.Command {
	t := &tapping{}
	var framing string
	c := &cobra.Command{
		Use:   "tap [--listen A] [--upstream B] [-- CMD ARGS...]",
		Short: "Sit between a live pool and a live worker, and report every violation seen",
		Long: `Listens on the Unix socket A for the pool and passes its connections on to the worker's
socket B, byte for byte, until Ctrl-C. It reports each violation in either direction on
standard error, and in full in the log. Traffic never waits for the inspection: if the
inspection of a connection falls behind, it ends with a message, and the bytes go on. Nor
does it wait for whoever reads standard error: messages that do not fit are dropped and
counted.

--record keeps all bytes, for pyproctest decode: one line of JSON for each piece, with its
"time", the "process" of the tap, the "connection" from 1, the "sender" (pool or worker) and
its "bytes" in hex; "end" if its sender sends no more; "lost" if the bytes of a connection
passed faster than they could be recorded, and no more of it follows. Log and record are
made with the mode 0600, because they have what passes.

With a command, the tap takes the place of a worker, for a pool that starts its workers
itself: it starts CMD with another socket. A is then PYPROC_SOCKET_PATH, as the pool has
set it, unless --listen is given. Signals are passed on, and the exit status is CMD's.

A frame that is cut off by the end of a connection is logged and does not count as a
violation, because a peer that stops at once may cut one off.

Exit status without a command:
  0  no violation was seen
  1  some were seen
  2  it could not run`,
		Example: `  pyproctest tap --listen tapped.sock --upstream worker.sock --log tap.jsonl
  pyproctest tap --log tap.jsonl -- python3 worker.py     # as the pool's worker command
  pyproctest tap --record tap.jsonl --listen tapped.sock --upstream worker.sock`,
		RunE: func(c *cobra.Command, args []string) error {
			if c.ArgsLenAtDash() != 0 && len(args) > 0 {
				return fmt.Errorf("%q: put the command of the worker after --", args[0])
			}
			t.options.Framing = conformance.Framing(framing)
			if framing == "auto" {
				t.options.Framing = ""
			}
			return t.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr(), args)
		},
	}
	f := c.Flags()
	f.StringVar(&t.options.Listen, "listen", "", "the socket to make, for the pool")
	f.StringVar(&t.options.Upstream, "upstream", "", "the worker's socket")
	f.StringVar(&framing, "framing", "auto", "enhanced, basic, or auto: the first two bytes of each connection decide")
	f.IntVar(&t.options.MaxPayload, "max-payload", 0, "the largest payload of one frame on both sides, in bytes (default 10485760; a larger frame is then not a violation, but ends the inspection)")
	f.IntVar(&t.options.Behind, "behind", 0, "how many bytes of a connection may wait for inspection (default 16777216)")
	f.StringVar(&t.logPath, "log", "", "append events to this file, one line of JSON each; - for standard output")
	f.StringVar(&t.recordPath, "record", "", "append all bytes to this `FILE`, with their times and directions; pyproctest decode reads it")
	completeWords(c, "framing", "auto", string(conformance.Enhanced), string(conformance.Basic))
	return c
}

// tapping is one run of the command.
type tapping struct {
	options             tap.Options
	logPath, recordPath string

	log   io.Writer
	out   io.Writer      // for a person
	shown map[string]int // how many violations were shown, by clause
	seen  tap.Passed     // of all connections that have ended

	incomplete bool // something could not be written to the log
}

// run opens what the tap writes to, runs it, and says if something of that is missing.
func (t *tapping) run(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	t.options.OnEvent, t.log = t.event, io.Discard
	closeLog, err := t.openLog(stdout)
	if err != nil {
		return err
	}
	closeRecord, err := t.openRecord()
	if err != nil {
		return errors.Join(err, closeLog())
	}
	messages := newLossy(stderr, messagesWaiting, droppedMessages)
	t.out = messages
	if len(args) > 0 {
		err = t.wrap(ctx, args)
	} else {
		err = t.serve(ctx)
	}
	failed := closeLog()
	if failed != nil || t.incomplete {
		failed = errors.Join(errors.New("the log is not complete"), failed)
	}
	if lost := closeRecord(); lost != nil {
		failed = errors.Join(failed, fmt.Errorf("the record is not complete: %w", lost))
	}
	if failed != nil && err != nil {
		fmt.Fprintln(t.out, failed) // the status is the worker's, or says that a violation was seen
	}
	_ = messages.close() // whoever does not read has no use for the rest
	if err != nil {
		return err
	}
	return failed
}

// serve runs the tap between a pool and a worker that run already, until the context ends.
func (t *tapping) serve(ctx context.Context) error {
	if t.options.Listen == "" || t.options.Upstream == "" {
		return errors.New("give --listen and --upstream, or the command of a worker after --")
	}
	if !accepts(t.options.Upstream) {
		fmt.Fprintf(t.out, "waiting for a worker at %s\n", t.options.Upstream)
		if err := awaitWorker(ctx, t.options.Upstream); err != nil {
			return err
		}
	}
	socket, err := tap.Listen(t.options)
	if err != nil {
		return err
	}
	summary := socket.Serve(ctx)
	t.sumUp(summary)
	if len(summary.Violations) > 0 {
		return &exit{statusViolated}
	}
	return nil
}

// awaitWorker waits until a worker accepts connections. Nothing else says that it is ready [WRK-1].
func awaitWorker(ctx context.Context, path string) error {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !accepts(path) {
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("no worker accepts connections at %s: %w", path, context.Cause(ctx))
		}
	}
	return nil
}

func accepts(path string) bool {
	c, err := net.Dial("unix", path)
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}
