package main

import (
	"bytes"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

//go:embed pages
var pages embed.FS

// A page is one file of the site.
type page struct {
	Title   string
	Root    string // of the site, as seen from this page: "" or "../"
	Here    string // the section that the page is in
	Clauses string
	Vectors string
	Data    any
}

// A clause is what its page shows.
type clause struct {
	spec.Clause
	Cases           []catalog.Case
	Faults          []catalog.Fault
	Frames          []vectors.FrameVector
	Messages        []vectors.MessageVector
	Came            map[string]string // the version that each vector came with
	Implementations []implementation
	Before, After   string // its neighbours
}

// causes are cases that break for the same reason.
type causes struct {
	Role  spec.Role
	Cause string
	IDs   []string
}

// Causes returns the cases, those with the same usual cause together.
func (c clause) Causes() []causes {
	var all []causes
	for _, k := range c.Cases {
		n := slices.IndexFunc(all, func(a causes) bool { return a.Role == k.Role && a.Cause == k.Cause })
		if n < 0 {
			n = len(all)
			all = append(all, causes{Role: k.Role, Cause: k.Cause})
		}
		all[n].IDs = append(all[n].IDs, k.ID(""))
	}
	return all
}

var outcomes = map[vectors.Outcome]string{
	vectors.OutcomeRequest:      "a request",
	vectors.OutcomeCancellation: "a cancellation",
	vectors.OutcomeErrorAnswer:  "something to answer with an error",
	vectors.OutcomeIgnored:      "something to ignore",
	vectors.OutcomeResponse:     "a response",
	vectors.OutcomeUnreadable:   "an answer that cannot be read",
	vectors.OutcomeViolation:    "a violation, which ends the connection",
}

func capital(sentence string) string { return strings.ToUpper(sentence[:1]) + sentence[1:] }

type family struct {
	Name, About string
	Clauses     []clause
}

// write builds the site from the repository at root, and looks after its links.
func write(root, out string) error {
	files, err := build(root)
	if err != nil {
		return err
	}
	if broken := brokenLinks(files); len(broken) > 0 {
		return fmt.Errorf("links to nothing:\n  %s", strings.Join(broken, "\n  "))
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	for name, content := range files {
		file := filepath.Join(out, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			return err
		}
	}
	fmt.Printf("%d files in %s\n", len(files), out)
	return nil
}

// build returns every file of the site by its name.
func build(root string) (map[string][]byte, error) {
	set, err := vectors.Load()
	if err != nil {
		return nil, err
	}
	measured, err := implementations()
	if err != nil {
		return nil, err
	}
	history, err := baselines(root)
	if err != nil {
		return nil, err
	}
	families, err := families(set, measured)
	if err != nil {
		return nil, err
	}
	extra, err := pages.ReadFile("pages/site.css")
	if err != nil {
		return nil, err
	}
	icon, err := pages.ReadFile("pages/icon.svg")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"style.css": append([]byte(report.Style()), extra...), "icon.svg": icon}
	add := func(name, title, here, templateName string, data any) error {
		text, err := render(templateName, page{
			Title: title, Root: strings.Repeat("../", strings.Count(name, "/")), Here: here, Clauses: spec.Version, Vectors: set.Version, Data: data,
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		files[name] = text
		return nil
	}
	for _, p := range []struct {
		name, title, here, template string
		data                        any
	}{
		{"index.html", "PyProc conformance", "start", "index.html", counted(families, set)},
		{"worker.html", "A worker in five minutes", "start", "worker.html", nil},
		{"framer.html", "A framer in five minutes", "start", "framer.html", nil},
		{"pool.html", "A pool in five minutes", "start", "pool.html", nil},
		{"clauses/index.html", "The clauses", "clauses", "clauses.html", families},
		{"implementations.html", "Implementations", "implementations", "implementations.html", matrices(families, measured)},
		{"benchmarks.html", "Benchmarks", "benchmarks", "benchmarks.html", history},
		{"404.html", "There is no such page", "", "404.html", nil},
	} {
		if err := add(p.name, p.title, p.here, p.template, p.data); err != nil {
			return nil, err
		}
	}
	for _, f := range families {
		for _, c := range f.Clauses {
			if err := add("clauses/"+c.Name+".html", c.Name+": "+f.About, "clauses", "clause.html", c); err != nil {
				return nil, err
			}
		}
	}
	for _, b := range history {
		if b.Chart != "" {
			if files[path.Base(filepath.ToSlash(b.Chart))], err = os.ReadFile(b.Chart); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range []string{"enhanced", "basic", "streams", "messages", "history", "schema"} {
		if files["vectors/"+name+".json"], err = vectors.FS.ReadFile(name + ".json"); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func render(name string, p page) ([]byte, error) {
	t, err := template.New("frame.html").Funcs(template.FuncMap{
		"tone": tone, "mark": mark, "spoken": spoken, "hex": grouped, "plural": plural, "join": strings.Join, "message": message,
		"capital": capital, "outcome": func(o vectors.Outcome) string { return outcomes[o] },
		"add": func(a, b int) int { return a + b },
	}).ParseFS(pages, "pages/frame.html", "pages/"+name)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, p)
	return b.Bytes(), err
}

// families returns all clauses with what belongs to each, in the order of SPEC.md.
func families(set vectors.Set, measured []implementation) ([]family, error) {
	versions, err := vectors.Versions()
	if err != nil {
		return nil, err
	}
	came := map[string]string{}
	for _, v := range versions {
		for _, names := range v.Added {
			for _, name := range names {
				came[name] = v.Version
			}
		}
	}
	var all []family
	clauses := spec.Clauses()
	for n, s := range clauses {
		c := clause{Clause: s, Came: came}
		if n > 0 {
			c.Before = clauses[n-1].Name
		}
		if n+1 < len(clauses) {
			c.After = clauses[n+1].Name
		}
		for _, k := range catalog.Cases() {
			if slices.Contains(k.Clauses, s.Name) {
				c.Cases = append(c.Cases, k)
			}
		}
		for _, f := range catalog.Proven() {
			if f.Clause == s.Name {
				c.Faults = append(c.Faults, f)
			}
		}
		for _, v := range slices.Concat(set.Enhanced, set.Basic, set.Streams) {
			if v.Clause == s.Name {
				c.Frames = append(c.Frames, v)
			}
		}
		for _, v := range set.Messages {
			if v.Clause == s.Name {
				c.Messages = append(c.Messages, v)
			}
		}
		for _, i := range measured {
			if _, judged := i.States[s.Name]; judged {
				c.Implementations = append(c.Implementations, i)
			}
		}
		name, _, _ := strings.Cut(s.Name, "-")
		if len(all) == 0 || all[len(all)-1].Name != name {
			about := report.FamilyAbout(name)
			if about == "" {
				return nil, fmt.Errorf("report.FamilyAbout does not say what %s is about", name)
			}
			all = append(all, family{Name: name, About: about})
		}
		all[len(all)-1].Clauses = append(all[len(all)-1].Clauses, c)
	}
	return all, nil
}

// A matrix shows the implementations of a role beside one another.
type matrix struct {
	Role            spec.Role
	Implementations []implementation
	Families        []family // with the clauses that bind the role
}

func matrices(families []family, measured []implementation) []matrix {
	var all []matrix
	for _, role := range []spec.Role{spec.RoleFramer, spec.RoleWorker, spec.RolePool} {
		m := matrix{Role: role}
		for _, i := range measured {
			if i.Role == role {
				m.Implementations = append(m.Implementations, i)
			}
		}
		for _, f := range families {
			f.Clauses = slices.DeleteFunc(slices.Clone(f.Clauses), func(c clause) bool { return !c.Binds(role) })
			if len(f.Clauses) > 0 {
				m.Families = append(m.Families, f)
			}
		}
		all = append(all, m)
	}
	return all
}

type counts struct{ Clauses, Cases, Faults, Controls, Vectors int }

func counted(families []family, set vectors.Set) counts {
	c := counts{
		Faults: len(catalog.Proven()), Controls: len(catalog.Controls()),
		Vectors: len(set.Enhanced) + len(set.Basic) + len(set.Streams) + len(set.Messages),
	}
	for _, k := range catalog.Cases() {
		c.Cases += max(1, len(k.Framings)) // as README.md counts them
	}
	for _, f := range families {
		c.Clauses += len(f.Clauses)
	}
	return c
}

// spoken returns a sentence of SPEC.md as HTML: code stands between backticks there, and names of clauses become links.
func spoken(sentence string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(sentence, "`") {
		text := template.HTMLEscapeString(part)
		if i%2 == 1 {
			b.WriteString("<code>" + text + "</code>")
			continue
		}
		for _, word := range strings.SplitAfter(text, " ") {
			name := strings.Trim(word, " .,;:()")
			if _, is := spec.LookUp(name); is {
				word = strings.Replace(word, name, `<a href="`+name+`.html">`+name+`</a>`, 1)
			} else if inner, starred := strings.CutPrefix(name, "*"); starred && strings.HasSuffix(inner, "*") && len(inner) > 1 {
				word = strings.Replace(word, name, "<em>"+strings.TrimSuffix(inner, "*")+"</em>", 1)
			}
			b.WriteString(word)
		}
	}
	return template.HTML(b.String())
}

// grouped returns bytes in pairs of digits; of many only the first and the number of all.
func grouped(data []byte) string {
	const most = 64
	shown := data[:min(len(data), most)]
	var b strings.Builder
	for i, c := range shown {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(hex.EncodeToString([]byte{c}))
	}
	if len(data) > most {
		b.WriteString(" … " + strconv.Itoa(len(data)) + " bytes")
	}
	return b.String()
}

// message returns the text of a message, if it is one for readers, and bytes otherwise.
func message(data []byte) string {
	const most = 200
	text := string(data)
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '\uFFFD' }) {
		return grouped(data)
	}
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return text
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

// names returns the names of files in their order, for messages.
func names(files map[string][]byte) []string { return slices.Sorted(maps.Keys(files)) }
