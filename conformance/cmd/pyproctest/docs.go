package main

import (
	"github.com/spf13/cobra"

	"github.com/pyproctest/pyproctest/conformance"
)

func adaptersCommand() *cobra.Command {
	return printing("adapters", "ADAPTERS.md", "Print how a framer or a pool in any language plugs in (ADAPTERS.md)",
		`Prints ADAPTERS.md: the requests that the adapter of a framer or a pool reads, one line of
JSON each, and the answers that it writes. "pyproctest init" writes an adapter to start with.`)
}

func specCommand() *cobra.Command {
	return printing("spec", "SPEC.md", "Print the specification (SPEC.md)",
		`Prints SPEC.md: the protocol in numbered clauses, each with its reason. "pyproctest explain"
prints one clause.`)
}

// printing returns a command that prints a file of the module.
func printing(name, file, short, long string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Long: long, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := conformance.Docs.ReadFile(file)
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
}
