package main

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// templates holds templates/LANG/ROLE.EXT, or templates/LANG/ROLE/NAME.EXT where the language wants another name. Each language
// has every role for which there is an implementation in it under conformance/implementations.
//
//go:embed templates
var templates embed.FS

func initCommand() *cobra.Command {
	var lang string
	c := &cobra.Command{
		Use:   "init worker|framer|pool --lang LANG [DIR]",
		Short: "Write a starting worker, or a starting adapter for a framer or a pool",
		Long: `Writes a program to start with into DIR, by default the current folder. It runs as it is,
and reports every part that you have not filled in as not written yet.

A framer and a pool need an adapter, because they have no socket of their own. A worker
needs none: its program connects your library with the methods of clause WRK-21. Go tests
need no adapter: see TestFramer, TestWorker and TestPool of package conformance.`,
		Example: `  pyproctest init framer --lang node
  pyproctest init worker --lang python conformance/`,
		Args:      cobra.MaximumNArgs(2),
		ValidArgs: roleWords(),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("give the role: one of %s", strings.Join(roleWords(), ", "))
			}
			dir := "."
			if len(args) == 2 {
				dir = args[1]
			}
			return writeTemplate(c.OutOrStdout(), spec.Role(args[0]), lang, dir)
		},
	}
	c.Flags().StringVar(&lang, "lang", "", "the language: "+strings.Join(languages(), ", "))
	completeWords(c, "lang", languages()...)
	return c
}

// languages returns the languages that have templates.
func languages() []string {
	entries, err := fs.ReadDir(templates, "templates")
	if err != nil {
		return nil // the folder is compiled in
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func writeTemplate(out io.Writer, role spec.Role, lang, dir string) error {
	if !slices.Contains(roleWords(), string(role)) {
		return fmt.Errorf("%s is not a role: give one of %s", role, strings.Join(roleWords(), ", "))
	}
	if lang == "" {
		return fmt.Errorf("give --lang: one of %s", strings.Join(languages(), ", "))
	}
	if !slices.Contains(languages(), lang) {
		return fmt.Errorf("--lang %s: there are programs to start with in %s; for any other language, %s",
			lang, strings.Join(languages(), ", "), whereElse(role))
	}
	from, err := templateOf(role, lang)
	if err != nil {
		return err
	}
	data, err := fs.ReadFile(templates, from)
	if err != nil {
		return err
	}
	name := strings.TrimPrefix(from, "templates/"+lang+"/")
	to := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already and was not changed: give another folder", to)
	}
	if err != nil {
		return err
	}
	if _, err := file.Write(data); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := file.Close(); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is written. Fill in the part under \"Yours\", and run:\n\n  %s\n", to, firstRun(role, lang, to))
	return nil
}

// templateOf returns the path of a template.
func templateOf(role spec.Role, lang string) (string, error) {
	if found := templatesFor(role, lang); len(found) == 1 {
		return found[0], nil
	}
	others := slices.DeleteFunc(languages(), func(other string) bool { return len(templatesFor(role, other)) == 0 })
	return "", fmt.Errorf("there is no %s to start with in %s, but in %s; for any other language, %s",
		role, lang, strings.Join(others, ", "), whereElse(role))
}

func templatesFor(role spec.Role, lang string) []string {
	var all []string
	for _, pattern := range []string{string(role) + ".*", string(role) + "/*.*"} {
		found, err := fs.Glob(templates, path.Join("templates", lang, pattern))
		if err != nil {
			return nil // the patterns are well-formed
		}
		all = append(all, found...)
	}
	return all
}

// whereElse says what to read for a role without a program to start with.
func whereElse(role spec.Role) string {
	if role == spec.RoleWorker {
		return "clause WRK-21 in SPEC.md lists the methods that it must serve"
	}
	return "ADAPTERS.md says all that an adapter must do"
}

// firstRun returns the command that runs what was written.
func firstRun(role spec.Role, lang, file string) string {
	command := map[string]string{"python": "python3 ", "node": "node ", "ruby": "ruby "}[lang] + file
	adapter := "./" + string(role) + "-adapter"
	switch {
	case lang == "c":
		return fmt.Sprintf("cc -std=c11 -O2 -pthread -o %s %s && pyproctest run --%s %s", adapter, file, role, adapter)
	case lang == "rust":
		return fmt.Sprintf("rustc -O --edition 2021 -o %s %s && pyproctest run --%s %s", adapter, file, role, adapter)
	case lang == "java": // without -Xlog a JVM prints its warnings on standard output, which is for answers
		class := strings.TrimSuffix(filepath.Base(file), ".java")
		return fmt.Sprintf("javac -d build %s && pyproctest run --%s 'java -Xlog:disable -Xlog:all=warning:stderr -cp build %s'", file, role, class)
	case lang == "go" && role == spec.RoleWorker: // go run passes no signals on
		program := "./worker-program"
		return fmt.Sprintf("go build -o %s %s && pyproctest run --worker %s", program, goPackage(file), program)
	case lang == "go":
		command = "go run " + goPackage(file)
	}
	return fmt.Sprintf("pyproctest run --%s '%s'", role, command)
}

// goPackage returns the folder of a file, as the go command wants it written.
func goPackage(file string) string {
	dir := filepath.ToSlash(filepath.Dir(file))
	if path.IsAbs(dir) || strings.HasPrefix(dir, ".") {
		return dir
	}
	return "./" + dir
}
