package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The tree can be released but for its tag: the versions that it names in several places are the same.
func TestTheVersionsOfThisTreeAgree(t *testing.T) {
	require.NoError(t, release{root: "../.."}.versions(t.Context(), nil))
}

func TestVersionsThatDifferAreNamed(t *testing.T) {
	files := map[string]string{
		"CHANGELOG.md": "# Changes\n\n## 0.2.0, 2026-12-01\n\nClauses version 3, vectors 1.0.\n\n## 0.1.0, 2026-11-30\n",
		"pyworker/src/pyproctest_worker/__init__.py": "__version__ = \"0.2.0\"\n",
		"CITATION.cff":          "version: 0.2.0\n",
		"conformance/SPEC.md":   "Version 3, of November 2026.\n",
		"vectors/enhanced.json": "{\n  \"version\": \"1.0\",\n}",
	}
	for _, module := range modules {
		files[module+"/go.mod"] = "require (\n\tgithub.com/pyproctest/pyproctest v0.2.0\n)\n"
	}
	check := func(tag string) error {
		root := t.TempDir()
		for name, content := range files {
			file := filepath.Join(root, name)
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		}
		return release{root: root, tag: tag}.versions(t.Context(), nil)
	}
	require.NoError(t, check(""))
	require.NoError(t, check("v0.2.0"))
	require.ErrorContains(t, check("v0.1.0"), "the tag is v0.1.0, and the newest section of CHANGELOG.md 0.2.0")
	for name, change := range map[string][3]string{
		"CITATION.cff": {"0.2.0", "0.1.0", "CITATION.cff has the version 0.1.0"},
		"pyworker/src/pyproctest_worker/__init__.py": {"0.2.0", "0.1.0", "pyworker's __init__.py has the version 0.1.0"},
		"ref/pool/poolotel/go.mod":                   {"0.2.0", "0.1.0", "ref/pool/poolotel/go.mod has the version 0.1.0"},
		"conformance/SPEC.md":                        {"Version 3", "Version 4", `does not say "Clauses version 4, vectors 1.0."`},
		"vectors/enhanced.json":                      {"1.0", "1.1", `does not say "Clauses version 3, vectors 1.1."`},
		"CHANGELOG.md":                               {"2026-12-01", "not yet tagged", "has no date"},
	} {
		kept := files[name]
		files[name] = strings.Replace(kept, change[0], change[1], 1)
		require.ErrorContains(t, check("v0.2.0"), change[2], name)
		files[name] = kept
	}
}

func TestTheNotesAreThoseOfTheNewestSection(t *testing.T) {
	version, body, err := newest("# Changes\n\ntext\n\n## 1.2.0, 2026-12-01\n\nnew\n\n### More\n\nof it\n\n## 1.1.0, 2026-11-01\n\nold\n")
	require.NoError(t, err)
	require.Equal(t, "1.2.0", version)
	require.Equal(t, "new\n\n### More\n\nof it\n", body)
	for _, wrong := range []string{"# Changes\n", "## Unreleased\n\nx\n", "## 1.2, 2026-12-01\n"} {
		_, _, err := newest(wrong)
		require.ErrorContains(t, err, "CHANGELOG.md: ", wrong)
	}
}

func TestARunNamesEachStepThatFailed(t *testing.T) {
	var log bytes.Buffer
	ran := ""
	passes := func(context.Context, *environment) error { ran += "p"; return nil }
	fails := func(context.Context, *environment) error { ran += "f"; return errors.New("the reason") }
	err := runSteps(t.Context(), &log, "", []step{{"one", passes, false}, {"two", fails, false}, {"three", passes, false}, {"four", fails, false}})
	require.EqualError(t, err, "FAILED: two, four")
	require.Equal(t, "pfpf", ran)
	require.Contains(t, log.String(), "two\n  FAILED: the reason\n")

	ran = ""
	err = runSteps(t.Context(), &log, "", []step{{"builds", fails, true}, {"needs it", passes, false}})
	require.EqualError(t, err, "FAILED: builds; the steps after it were not run")
	require.Equal(t, "f", ran)

	require.NoError(t, runSteps(t.Context(), &log, "^one$", []step{{"one", passes, false}, {"two", fails, false}}))
	require.ErrorContains(t, runSteps(t.Context(), &log, "none", []step{{"one", passes, false}}), "no step")
	require.ErrorContains(t, runSteps(t.Context(), &log, "(", nil), "-only")
}

// Nothing of whoever runs the check is in the environment: no Go, no settings, no source tree, and no file.
func TestAnEnvironmentIsEmpty(t *testing.T) {
	t.Setenv("PYPROCTEST_SEED", "1")
	require.NoError(t, inEnvironment(t.Context(), new(bytes.Buffer), func(ctx context.Context, e *environment) error {
		_, err := e.run(ctx, "go version")
		require.Error(t, err)
		require.NoError(t, e.expect(ctx, "ls -a", `^\.\n\.\.\n$`))
		out, err := e.run(ctx, "env")
		require.NoError(t, err)
		require.NotContains(t, out, "PYPROCTEST_SEED")
		require.NotContains(t, out, "GOFLAGS")
		require.ErrorContains(t, e.expect(ctx, "cat /dev/null", "something"), "does not match something")
		require.ErrorContains(t, e.has("no-such-program"), "NOT RUN: it takes no-such-program")
		require.NoError(t, e.has("python3"))
		return e.expect(ctx, "python3 -c 'print(6 * 7)'", "^42\n$")
	}))
}

// A check that is interrupted leaves nothing running that it started.
func TestWhatAStepStartedEndsWithIt(t *testing.T) {
	require.NoError(t, inEnvironment(t.Context(), new(bytes.Buffer), func(ctx context.Context, e *environment) error {
		require.NoError(t, e.has("python3"))
		// The program says that it runs by a line in a FIFO, whose end says that it has ended.
		fifo := e.work("fifo")
		require.NoError(t, syscall.Mkfifo(fifo, 0o600))
		ctx, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() {
			_, err := e.run(ctx, `python3 -c 'import signal; f = open("fifo", "w"); print("here", file=f, flush=True); signal.pause()' & wait`)
			ended <- err
		}()
		reader, err := os.Open(fifo)
		require.NoError(t, err)
		defer reader.Close()
		line, err := bufio.NewReader(reader).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "here\n", line)
		cancel()
		require.Error(t, <-ended)
		rest, err := io.ReadAll(reader)
		require.NoError(t, err)
		require.Empty(t, rest)
		return nil
	}))
}

func TestAMissingArtefactFailsByName(t *testing.T) {
	r := release{root: t.TempDir(), out: t.TempDir()}
	var log bytes.Buffer
	err := runSteps(t.Context(), &log, "^(checksums|binary: darwin|vectors: pip|Python worker: wheel)", r.checks())
	require.EqualError(t, err, "FAILED: checksums and SBOMs, binary: darwin/amd64 is what it says, binary: darwin/arm64 is what it says, "+
		"Python worker: wheel, vectors: pip, wheel, vectors: pip, sdist")
}

func TestAFileThatIsNotWhatItsChecksumSaysIsNamed(t *testing.T) {
	r := release{out: t.TempDir()}
	dist := filepath.Join(r.out, "dist")
	require.NoError(t, os.Mkdir(dist, 0o755))
	const ofHello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	require.NoError(t, os.WriteFile(filepath.Join(dist, "checksums.txt"), []byte(ofHello+"  file.tar.gz\n"), 0o600))
	require.ErrorContains(t, r.checkSums(t.Context(), nil), "file.tar.gz, which is not there")
	require.NoError(t, os.WriteFile(filepath.Join(dist, "file.tar.gz"), []byte("hellO"), 0o600))
	require.ErrorContains(t, r.checkSums(t.Context(), nil), "file.tar.gz is not what checksums.txt says")
	require.NoError(t, os.WriteFile(filepath.Join(dist, "file.tar.gz"), []byte("hello"), 0o600))
	require.ErrorContains(t, r.checkSums(t.Context(), nil), "does not name pyproctest_linux_amd64.tar.gz")
}

// What the stand-in for a container engine makes of our container file.
func TestTheContainerFileIsUnderstood(t *testing.T) {
	text, err := os.ReadFile("../../.github/Containerfile")
	require.NoError(t, err)
	all, err := instructions(string(text))
	require.NoError(t, err)
	script, err := standIn(all, "/context", "arm64", "explain FRM-7")
	require.NoError(t, err)
	require.Contains(t, script, "cp /context/*.whl /usr/local/share/pyproctest/\n")
	require.Contains(t, script, "cp /context/arm64/pyproctest /usr/local/bin/\n")
	require.Regexp(t, `\npython3 -m pip install .*\.whl\n`, script)
	require.True(t, strings.HasSuffix(script, "\npyproctest explain FRM-7\n"), script)
}

func TestAContainerFileWithSomethingElseIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"FROM a\nADD x /y\n":                        "line 2: ADD is not known",
		"FROM a\n# ENTRYPOINT [\"a\"]\n":            "no ENTRYPOINT",
		"COPY a b\nENTRYPOINT [\"a\"]\n":            "an absolute place",
		"COPY --from=a b /c\nENTRYPOINT [\"a\"]":    "an absolute place",
		"FROM a\nENTRYPOINT a\n":                    `as ["program"]`,
		"FROM a\nRUN a \\\n  && b\nHEALTHCHECK x\n": "line 4: HEALTHCHECK",
	} {
		all, err := instructions(text)
		if err == nil {
			_, err = standIn(all, "/context", "amd64", "")
		}
		require.ErrorContains(t, err, want, text)
	}
}

// What the pool that the release check builds imports beside init's own program stands in the script that fills it too.
func TestTheGoPartOfAScriptComesWithItsImports(t *testing.T) {
	part, imports, err := release{root: "../.."}.goPart("filled-go.txtar", "pool/main.go", "pool-part.go")
	require.NoError(t, err)
	require.Contains(t, string(part), "func openPool(")
	require.Equal(t, "\tframes \"github.com/pyproctest/pyproctest/ref/frame\"\n\tpools \"github.com/pyproctest/pyproctest/ref/pool\"\n", imports)

	_, _, err = release{root: "../.."}.goPart("filled-go.txtar", "pool/main.go", "framer-part.go")
	require.ErrorContains(t, err, "filled-go.txtar does not fill framer-part.go into pool/main.go")
}
