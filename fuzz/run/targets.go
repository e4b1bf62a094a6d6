package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// target is one fuzz target.
type target struct {
	name   string
	pkg    string // import path
	dir    string
	binary string // test binary of the package, built for fuzzing
	cache  string // where go keeps the inputs that it found interesting
}

func (t *target) String() string { return path.Base(t.pkg) + "." + t.name }

// find returns the targets of the packages, by package and name.
func find(ctx context.Context, o options) ([]*target, error) {
	packages := o.packages
	if len(packages) == 0 {
		packages = []string{"./..."}
	}
	list, err := goCommand(ctx, o, append([]string{"list", "-json=ImportPath,Dir,TestGoFiles,XTestGoFiles"}, packages...)...)
	if err != nil {
		return nil, err
	}
	var targets []*target
	for d := json.NewDecoder(bytes.NewReader(list)); ; {
		var p struct {
			ImportPath, Dir           string
			TestGoFiles, XTestGoFiles []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return targets, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		var names []string
		for _, file := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			found, err := namesIn(filepath.Join(p.Dir, file))
			if err != nil {
				return nil, err
			}
			names = append(names, found...)
		}
		slices.Sort(names)
		for _, name := range names {
			if o.only == nil || o.only.MatchString(name) {
				targets = append(targets, &target{name: name, pkg: p.ImportPath, dir: p.Dir})
			}
		}
	}
}

// namesIn returns the names of the targets in a file: functions FuzzXxx(*testing.F).
func namesIn(file string) ([]string, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, decl := range parsed.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Fuzz") || len(f.Type.Params.List) != 1 {
			continue
		}
		if star, ok := f.Type.Params.List[0].Type.(*ast.StarExpr); ok {
			if sel, ok := star.X.(*ast.SelectorExpr); ok && sel.Sel.Name == "F" {
				names = append(names, f.Name.Name)
			}
		}
	}
	return names, nil
}

// build compiles each package that has targets once, for all of its targets.
func build(ctx context.Context, o options, targets []*target, dir string) error {
	env, err := goCommand(ctx, o, "env", "GOCACHE")
	if err != nil {
		return err
	}
	built := map[string]string{}
	for _, t := range targets {
		if built[t.pkg] == "" {
			binary := filepath.Join(dir, fmt.Sprintf("%d.test", len(built)))
			if _, err := goCommand(ctx, o, "test", "-c", "-fuzz=Fuzz", "-o", binary, t.pkg); err != nil {
				return err
			}
			built[t.pkg] = binary
		}
		t.binary = built[t.pkg]
		t.cache = filepath.Join(strings.TrimSpace(string(env)), "fuzz", t.pkg) // as `go test -fuzz` has it
	}
	return nil
}

func goCommand(ctx context.Context, o options, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = o.dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", args[0], err, stderr.Bytes())
	}
	return out, nil
}
