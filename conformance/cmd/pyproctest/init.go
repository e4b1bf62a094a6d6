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

// templates holds templates/LANG/ROLE.EXT, or templates/LANG/ROLE/main.EXT where a program is a folder.
//
//go:embed templates
var templates embed.FS

func initCommand() *cobra.Command {
	var lang string
	c := &cobra.Command{
		Use:   "init worker|framer|pool --lang LANG [DIR]",
		Short: "Write a starting worker, or a starting adapter for a framer or a pool",
		Long: `Writes a program to start with into DIR, the current folder unless given. It runs as it
is, and says of everything that you have not filled in yet that it is not written.

A framer and a pool need an adapter, since they are not on the wire by themselves. A
worker needs none: its program brings your library and the methods of clause WRK-21
together. From Go tests no adapter is needed either: see TestFramer, TestWorker and
TestPool of package conformance.`,
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

// languages are those that there are templates for.
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
		return fmt.Errorf("%s is no role: give one of %s", role, strings.Join(roleWords(), ", "))
	}
	if lang == "" {
		return fmt.Errorf("give --lang: one of %s", strings.Join(languages(), ", "))
	}
	if !slices.Contains(languages(), lang) {
		return fmt.Errorf("--lang %s: there is a program to start with in %s; for any other language ADAPTERS.md says all there is to know",
			lang, strings.Join(languages(), ", "))
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
		return fmt.Errorf("%s is there already, and is left as it is: give another folder", to)
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
	fmt.Fprintf(out, "%s is written. Fill in what stands under \"Yours\", and run:\n\n  %s\n", to, firstRun(role, lang, to))
	return nil
}

// templateOf is the path of a template.
func templateOf(role spec.Role, lang string) (string, error) {
	for _, pattern := range []string{string(role) + ".*", string(role) + "/main.*"} {
		if found, err := fs.Glob(templates, path.Join("templates", lang, pattern)); err != nil || len(found) == 1 {
			return found[0], err
		}
	}
	return "", fmt.Errorf("there is no %s in %s", role, lang)
}

// firstRun is the command that runs what has been written.
func firstRun(role spec.Role, lang, file string) string {
	command := map[string]string{"python": "python3 ", "node": "node "}[lang] + file
	switch {
	case lang == "go" && role == spec.RoleWorker: // go run passes no signals on
		program := "./worker-program"
		return fmt.Sprintf("go build -o %s %s && pyproctest run --worker %s", program, goPackage(file), program)
	case lang == "go":
		command = "go run " + goPackage(file)
	}
	return fmt.Sprintf("pyproctest run --%s '%s'", role, command)
}

// goPackage is how the go command wants the folder of a file to be named.
func goPackage(file string) string {
	dir := filepath.ToSlash(filepath.Dir(file))
	if path.IsAbs(dir) || strings.HasPrefix(dir, ".") {
		return dir
	}
	return "./" + dir
}
