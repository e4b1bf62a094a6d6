package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A batch is one program that holds many mutants, since building is most of what a mutant costs: each is a
// copy of its function, and the function calls the one whose number mutantVariable has.
type batch struct {
	suite string             // the program
	held  map[string]int     // numbers by key, from 1
	not   map[string]verdict // of those that were found not to compile
}

const mutantVariable = "PYPROCTEST_MUTANT"

// build makes one program of those mutants that can be told apart at run time. The others are left for a
// program of their own: constants of a package, and what stands in a function without names for all it takes.
func (c *court) batch(ctx context.Context, dir string, mutants []mutant) (*batch, error) {
	b := &batch{suite: filepath.Join(dir, "suite"), held: map[string]int{}, not: map[string]verdict{}}
	byFile := map[string][]mutant{}
	for _, m := range mutants {
		if strings.HasSuffix(m.File, ".go") && m.Func != "" {
			byFile[m.File] = append(byFile[m.File], m)
			b.held[m.key()] = len(b.held) + 1
		}
	}
	if len(byFile) == 0 {
		return b, nil
	}
	for {
		files := map[string]*heldFile{}
		overlay := map[string]string{}
		for name, some := range byFile {
			f, err := c.hold(name, some, b)
			if err != nil {
				return nil, err
			}
			files[name] = f
			at := filepath.Join(dir, filepath.Base(name))
			if err := os.WriteFile(at, f.text, 0o600); err != nil {
				return nil, err
			}
			overlay[filepath.Join(c.root, name)] = at
		}
		number := filepath.Join(dir, "number.go")
		overlay[filepath.Join(c.root, c.target.dir, "mutant_number.go")] = number
		text := fmt.Sprintf("package %s\n\nimport (\n\t\"os\"\n\t\"strconv\"\n)\n\nvar mutantNumber, _ = strconv.Atoi(os.Getenv(%q))\n", filepath.Base(c.target.dir), mutantVariable)
		if err := os.WriteFile(number, []byte(text), 0o600); err != nil {
			return nil, err
		}
		file := filepath.Join(dir, "overlay.json")
		if err := writeOverlay(file, overlay); err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, "go", "build", "-gcflags=-e", "-overlay", file, "./"+c.target.dir)
		cmd.Dir = c.root
		out, err := cmd.CombinedOutput()
		if err == nil {
			out, err = c.build(ctx, b.suite, "-overlay", file)
			if err != nil {
				return nil, fmt.Errorf("the program of many mutants does not build: %w\n%s", err, out)
			}
			return b, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !b.strike(files, out) {
			return nil, fmt.Errorf("the program of many mutants does not build: %w\n%s", err, out)
		}
	}
}

// heldFile is a source file with mutants in it, and where they begin and end.
type heldFile struct {
	text  []byte
	lines []heldLines
}

type heldLines struct {
	key      string
	from, to int
}

var compileError = regexp.MustCompile(`(?m)^(\S+\.go):(\d+):\d+: `)

// strike takes those out that the compiler complains of, and tells whether there were any.
func (b *batch) strike(files map[string]*heldFile, complaints []byte) bool {
	any := false
	for _, m := range compileError.FindAllSubmatch(complaints, -1) {
		line, _ := strconv.Atoi(string(m[2]))
		for name, f := range files {
			if filepath.Base(name) != filepath.Base(string(m[1])) {
				continue
			}
			for _, l := range f.lines {
				if l.from <= line && line <= l.to && b.held[l.key] > 0 {
					delete(b.held, l.key)
					b.not[l.key] = notBuilt
					any = true
				}
			}
		}
	}
	return any
}

// hold writes a source file with the mutants beside what they are mutants of.
func (c *court) hold(name string, mutants []mutant, b *batch) (*heldFile, error) {
	source, err := os.ReadFile(filepath.Join(c.root, name))
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, name, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	at := func(p token.Pos) int { return fset.Position(p).Offset }
	var text, copies bytes.Buffer
	done := 0
	type copied struct {
		key  string
		text string
	}
	var all []copied
	for _, d := range parsed.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		inside := slices.DeleteFunc(slices.Clone(mutants), func(m mutant) bool {
			return m.Start < at(f.Body.Pos()) || m.End > at(f.Body.End()) || b.held[m.key()] == 0
		})
		if len(inside) == 0 {
			continue
		}
		call, ok := callOf(f)
		if !ok {
			for _, m := range inside {
				delete(b.held, m.key())
			}
			continue
		}
		text.Write(source[done : at(f.Body.Pos())+1])
		done = at(f.Body.Pos()) + 1
		text.WriteString(" switch mutantNumber {")
		for _, m := range inside {
			n := b.held[m.key()]
			fmt.Fprintf(&text, " case %d: %s;", n, fmt.Sprintf(call, n))
			changed := m.applied(source)
			end := at(f.Body.End()) + len(changed) - len(source)
			all = append(all, copied{m.key(), fmt.Sprintf("\n%s%s_mutant%d%s\n", source[at(f.Pos()):at(f.Name.Pos())], f.Name.Name, n, changed[at(f.Name.End()):end])})
		}
		text.WriteString(" };")
	}
	text.Write(source[done:])
	held := &heldFile{}
	line := bytes.Count(text.Bytes(), []byte("\n")) + 1
	for _, one := range all {
		n := strings.Count(one.text, "\n")
		held.lines = append(held.lines, heldLines{one.key, line, line + n})
		line += n
		copies.WriteString(one.text)
	}
	held.text = append(text.Bytes(), copies.Bytes()...)
	return held, nil
}

// callOf is how a function calls the copy of it with a number, as a format; false where it has no name for
// something that it takes.
func callOf(f *ast.FuncDecl) (string, bool) {
	call := f.Name.Name + "_mutant%d("
	if f.Type.TypeParams != nil || f.Name.Name == "init" {
		return "", false
	}
	if f.Recv != nil {
		if len(f.Recv.List[0].Names) == 0 || f.Recv.List[0].Names[0].Name == "_" {
			return "", false
		}
		call = f.Recv.List[0].Names[0].Name + "." + call
	}
	var args []string
	for _, p := range f.Type.Params.List {
		if len(p.Names) == 0 {
			return "", false
		}
		for _, n := range p.Names {
			if n.Name == "_" {
				return "", false
			}
			arg := n.Name
			if _, variadic := p.Type.(*ast.Ellipsis); variadic {
				arg += "..."
			}
			args = append(args, arg)
		}
	}
	call += strings.Join(args, ", ") + ")"
	if f.Type.Results != nil {
		return "return " + call, true
	}
	return call + "; return", true
}

func writeOverlay(file string, replace map[string]string) error {
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}
