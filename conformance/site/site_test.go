package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var built = sync.OnceValues(func() (map[string][]byte, error) { return build("../..") })

func site(t *testing.T) map[string][]byte {
	t.Helper()
	if err := exec.Command("git", "-C", "../..", "rev-parse", "HEAD").Run(); err != nil {
		t.Skip("NOT RUN: the history of the benchmarks takes a clone")
	}
	files, err := built()
	require.NoError(t, err)
	return files
}

func TestEveryLinkOfTheSiteLeadsSomewhere(t *testing.T) {
	require.Empty(t, brokenLinks(site(t)))
}

func TestALinkToNothingIsNamed(t *testing.T) {
	broken := brokenLinks(map[string][]byte{
		"index.html": []byte(`<p id="a"><a href="a/b.html#there">x</a> <a href="a/">x</a> <a href="#a">x</a> <a href="https://example.org/">x</a> <img src="c.svg">
			<a href="a/b.html#gone">x</a> <a href="gone.html">x</a> <a href="/a/b.html">x</a> <a href="http://example.org">x</a>`),
		"a/b.html":     []byte(`<p id="there"><p id="there"><a href="../index.html">x</a>`),
		"a/index.html": []byte(`<a href="b.html">x</a>`),
		"c.svg":        nil,
	})
	require.Equal(t, []string{
		`a/b.html: two elements have the ID there`,
		`index.html: "a/b.html#gone" leads to nothing`,
		`index.html: "gone.html" leads to nothing`,
		`index.html: "/a/b.html" is neither within the site nor https`,
		`index.html: "http://example.org" is neither within the site nor https`,
	}, broken)
}

// The page of a clause has its sentence, and all of its cases, faults and vectors, by name.
func TestThePageOfAClauseHasAllThatBelongsToIt(t *testing.T) {
	files := site(t)
	text := func(clause string) string {
		page, there := files["clauses/"+clause+".html"]
		require.True(t, there, clause)
		return string(page)
	}
	for _, c := range spec.Clauses() {
		require.Contains(t, text(c.Name), "<title>"+c.Name+": ")
		if c.Why != "" {
			require.Contains(t, text(c.Name), `<h2 id="why">`, c.Name)
		}
		if c.Untestable != "" {
			require.Contains(t, text(c.Name), "No case covers it", c.Name)
		}
		for range c.Changes {
			require.Contains(t, text(c.Name), `<h2 id="changes">`, c.Name)
		}
	}
	for _, k := range catalog.Cases() {
		for _, clause := range k.Clauses {
			require.Contains(t, text(clause), "<code>"+k.ID("")+"</code>")
		}
	}
	faults := map[string]int{}
	for _, f := range catalog.Proven() {
		faults[f.Clause]++
	}
	for clause, count := range faults {
		require.Contains(t, text(clause), plural(count, "fault")+" that it is proven to catch")
	}
	set, err := vectors.Load()
	require.NoError(t, err)
	for _, v := range slices.Concat(set.Enhanced, set.Basic, set.Streams) {
		require.Contains(t, text(v.Clause), `id="`+v.TcID+`"`)
	}
	for _, v := range set.Messages {
		require.Contains(t, text(v.Clause), `id="`+v.TcID+`"`)
	}
}

func TestTheMatrixHasEveryImplementationWithItsDateAndVersion(t *testing.T) {
	page := string(site(t)["implementations.html"])
	all, err := implementations()
	require.NoError(t, err)
	var names, expected []string
	for _, i := range all {
		names = append(names, i.Name)
		require.Contains(t, page, ">"+i.Name+"</a>")
		require.Contains(t, page, "<td>"+i.Date+" ")
		_, err := time.Parse("2006-01-02", i.Date)
		require.NoError(t, err, i.Name)
		require.NotEmpty(t, i.By, i.Name)
		require.NotEmpty(t, i.Version, i.Name)
		require.DirExists(t, filepath.Join("../..", i.Source))
		require.Contains(t, spec.Versions(), i.Clauses)
		require.NotZero(t, i.Must.All(), i.Name)
		for clause := range i.States {
			c, there := spec.LookUp(clause)
			require.True(t, there && c.Binds(i.Role), "%s: %s", i.Name, clause)
		}
	}
	for _, m := range measured {
		expected = append(expected, m.Name)
	}
	require.Equal(t, expected, names, "implementations.json has others than it should: make site-results")
}

func TestReportsAreCondensed(t *testing.T) {
	dir := t.TempDir()
	var files []string
	byFile := map[string][]report.Run{}
	for _, m := range measured {
		run := report.Run{
			Report: result.Report{
				Role: m.Role, Subject: m.file, Spec: spec.Version, Started: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC),
				Results: []result.Result{},
			},
			Environment: report.Environment{OS: "linux", Arch: "amd64", Version: "v0.1.0"},
		}
		byFile[m.file] = append(byFile[m.file], run)
	}
	for name, runs := range byFile {
		file := filepath.Join(dir, name+".json")
		f, err := os.Create(file)
		require.NoError(t, err)
		require.NoError(t, report.JSON(f, runs...))
		require.NoError(t, f.Close())
		files = append(files, file)
	}
	to := filepath.Join(dir, "out")
	require.NoError(t, writeImplementations(to, "0123456789ab", files))
	text, err := os.ReadFile(to)
	require.NoError(t, err)
	var all []implementation
	require.NoError(t, json.Unmarshal(text, &all))
	require.Len(t, all, len(measured))
	require.Equal(t, "2026-11-30", all[0].Date)
	require.Equal(t, "commit 0123456789ab", all[0].By)
	require.Equal(t, "commit 0123456789ab", all[0].Version)
	require.Equal(t, "0.1.0 from PyPI", all[7].Version)
	require.NotEmpty(t, all[0].States["FRM-1"])
	require.Empty(t, all[0].States["SHD-1"])

	slices.Sort(files)
	require.ErrorContains(t, writeImplementations(to, "0123456789ab", files[1:]), "there is no report c-framer.json of a framer")
}

func TestTheHistoryOfTheBenchmarksHasADateForEachMeasurement(t *testing.T) {
	page := string(site(t)["benchmarks.html"])
	out, err := exec.Command("git", "-C", "../..", "log", "--format=%ad", "--date=short", "--", "bench/baselines/two-core-vm.txt").Output()
	require.NoError(t, err)
	for _, date := range strings.Fields(string(out)) {
		require.Contains(t, page, ">"+date+"</th>")
	}
	require.Regexp(t, `<td class="number">\d+\.\d\d</td>`, page)
}

func TestTheRatioIsTheMedianOfTheRowsOnOneCore(t *testing.T) {
	const text = "placement: pinned\n\n" +
		"BenchmarkA/x 10 3 x-floor 0 allocs/op\nBenchmarkA/x 10 1 x-floor\nBenchmarkA/x 10 2 x-floor\nBenchmarkA/y 1 9 x-floor\n" +
		"placement: unpinned\n\nBenchmarkA/x 10 100 x-floor\n"
	require.Equal(t, 2.0, ratio(text, "A/x"))
	require.Equal(t, 9.0, ratio(text, "A/y"))
	require.Zero(t, ratio(text, "A/z"))
}

// Each command that the pages tell a reader to type has flags and subcommands that there are.
func TestCommandsOfThePagesAreUnderstood(t *testing.T) {
	files := site(t)
	source := ""
	commands, err := filepath.Glob("../cmd/pyproctest/*.go")
	require.NoError(t, err)
	for _, name := range commands {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		source += string(text)
	}
	line := regexp.MustCompile(`(?m)(?:^|&&|code>)\s*(?:\./)?pyproctest (\S+)(.*)$`)
	found := 0
	for _, name := range []string{"index.html", "worker.html", "framer.html", "pool.html", "clauses/FRM-7.html"} {
		for _, m := range line.FindAllStringSubmatch(string(files[name]), -1) {
			subcommand := strings.TrimSuffix(strings.TrimSuffix(m[1], "</code></pre>"), "</code>")
			if subcommand != "--version" {
				require.Regexp(t, `(Use: +|printing\()"`+subcommand+`[ "]`, source, "%s: %s", name, m[0])
			}
			for _, flag := range regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(m[2], -1) {
				require.Contains(t, source, `"`+flag[1]+`"`, "%s: %s", name, m[0])
			}
			found++
		}
	}
	require.Greater(t, found, 10)
}
