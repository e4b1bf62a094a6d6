package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/pyproctest/pyproctest/vectors"
)

func vectorsCommand() *cobra.Command {
	var old string
	c := &cobra.Command{
		Use:   "vectors [DIR]",
		Short: "Write the golden vectors: bytes, and what a receiver must do with them",
		Long: `Writes the golden vectors into DIR, by default "vectors". They are JSON files with frames,
streams and messages, right and damaged, with what a receiver must do with each and the
clause that says so. The JSON Schema of these files is written too, and history.json, which
says which vectors came with which version. Use the vectors in your own unit tests.

--diff OLD writes no file. It lists, by clause, the vectors that were added, changed or removed
since OLD, which is a version of the vectors, or a folder with an older copy of them.`,
		Example: `  pyproctest vectors testdata/vectors
  pyproctest vectors --diff testdata/vectors
  pyproctest vectors --diff 1.0`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("diff") {
				if len(args) > 0 {
					return fmt.Errorf("--diff writes no file: leave %s out", args[0])
				}
				return writeVectorDiff(c.OutOrStdout(), old)
			}
			dir := "vectors"
			if len(args) == 1 {
				dir = args[0]
			}
			return writeVectors(c, dir)
		},
	}
	c.Flags().StringVar(&old, "diff", "", "list what changed since this version, or since the copy in this folder")
	return c
}

func writeVectors(c *cobra.Command, dir string) error {
	set, err := vectors.Load()
	if err != nil {
		return err
	}
	names, err := fs.Glob(vectors.FS, "*.json")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("the vectors cannot be written: %w", err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(vectors.FS, name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			return fmt.Errorf("the vectors cannot be written: %w", err)
		}
		fmt.Fprintln(c.OutOrStdout(), filepath.Join(dir, name))
	}
	count := len(set.Enhanced) + len(set.Basic) + len(set.Streams) + len(set.Messages)
	fmt.Fprintf(c.OutOrStdout(), "%d vectors, version %s\n", count, set.Version)
	return nil
}
