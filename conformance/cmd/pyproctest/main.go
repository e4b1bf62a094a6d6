// Command pyproctest says, clause by clause, whether a framer, a worker or a pool in any language obeys the
// PyProc protocol.
//
//	pyproctest run --worker 'python3 worker.py'
//	pyproctest explain FRM-7
//	pyproctest decode capture.bin
//
// See pyproctest help for the rest.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is the whole command. The first SIGINT or SIGTERM ends its context; a second one ends the process.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	root := rootCommand()
	if slices.Contains(args, "--version") {
		root.Version = version() // for which all vectors are read, so not at every start
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	ended := (*exit)(nil)
	switch {
	case err == nil:
		return statusHolds
	case errors.As(err, &ended):
		return ended.status
	}
	fmt.Fprintf(stderr, "pyproctest: %v\n", err)
	return statusCouldNotRun
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "pyproctest",
		Short: "Is your framer, worker or pool right? Clause by clause, in any language",
		Long: `pyproctest says, clause by clause, whether a framer, a worker or a pool in any
language obeys the PyProc protocol, and shows the bytes where it does not.`,
		Example: `  pyproctest run --worker 'python3 worker.py'     # a worker, over its Unix socket
  pyproctest run --framer 'node framer.mjs'       # a framer, through a small adapter
  pyproctest run --pool './pool-adapter'          # a pool, through a small adapter
  pyproctest bench --worker 'python3 worker.py'   # how fast is it, against a floor?
  pyproctest init framer --lang node              # write an adapter to start with
  pyproctest explain FRM-7                        # a clause, its reason, its cases
  pyproctest decode capture.bin                   # what is wrong with these bytes?`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       spec.Version, // or there would be no --version
	}
	root.SetVersionTemplate("pyproctest {{.Version}}\n")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		runCommand(),
		exploreCommand(),
		benchCommand(),
		reportCommand(),
		listCommand(),
		explainCommand(),
		decodeCommand(),
		vectorsCommand(),
		adaptersCommand(),
		specCommand(),
		tapCommand(),
		initCommand(),
	)
	return root
}
