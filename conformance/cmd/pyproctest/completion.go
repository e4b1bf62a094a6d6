package main

import (
	"github.com/spf13/cobra"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// completeClauses completes arguments with the names of clauses.
func completeClauses(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var words []string
	for _, c := range spec.Clauses() {
		words = append(words, c.Name+"\t"+c.Sentence)
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// completeWords completes a flag that takes one of a few words.
func completeWords(c *cobra.Command, flag string, words ...string) {
	completeFlag(c, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

func completeFlag(c *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // there is no such flag: every run of the command would show it
	}
}
