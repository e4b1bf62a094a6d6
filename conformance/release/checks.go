package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"
)

func (r release) checks() []step {
	checks := []step{
		{"checksums and SBOMs", r.checkSums, false},
		{"binary: smallest jobs, with no Go and no source tree", r.checkBinary, false},
	}
	for _, platform := range []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"} {
		checks = append(checks, step{"binary: " + platform + " is what it says", func(ctx context.Context, e *environment) error {
			return r.checkPlatform(ctx, e, platform)
		}, false})
	}
	return append(checks, []step{
		{"first verdict on a worker: binary and wheel", r.workerVerdict, false},
		{"first verdict on a framer: binary", r.framerVerdict, false},
		{"first verdict on a pool: binary", r.poolVerdict, false},
		{"Python worker: wheel", func(ctx context.Context, e *environment) error { return r.checkWorkerPackage(ctx, e, "*.whl") }, false},
		{"Python worker: sdist", func(ctx context.Context, e *environment) error { return r.checkWorkerPackage(ctx, e, "*.tar.gz") }, false},
		{"vectors: pip, wheel", func(ctx context.Context, e *environment) error { return r.checkVectorsPip(ctx, e, "*.whl") }, false},
		{"vectors: pip, sdist", func(ctx context.Context, e *environment) error {
			return r.checkVectorsPip(ctx, e, "pyproctest_vectors-*.tar.gz")
		}, false},
		{"vectors: npm, and its types", r.checkVectorsNPM, false},
		{"vectors: archive", r.checkVectorsArchive, false},
		{"vectors: the Rust snippet with serde_json from crates.io", r.checkRust, false},
		{"container image", r.checkImage, false},
	}...)
}

// unpack unpacks the archive of the command for this machine where commands run.
func (r release) unpack(ctx context.Context, e *environment) error {
	archive := filepath.Join(r.out, "dist", fmt.Sprintf("pyproctest_%s_%s.tar.gz", runtime.GOOS, runtime.GOARCH))
	_, err := e.run(ctx, "tar -xzf "+archive)
	return err
}

func (r release) checkSums(context.Context, *environment) error {
	dist := filepath.Join(r.out, "dist")
	list, err := os.ReadFile(filepath.Join(dist, "checksums.txt"))
	if err != nil {
		return err
	}
	var named []string
	for line := range strings.Lines(string(list)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		found := ""
		for _, folder := range []string{"dist", "python", "vectors"} {
			if _, err := os.Stat(filepath.Join(r.out, folder, name)); err == nil {
				found = filepath.Join(r.out, folder, name)
			}
		}
		content, err := os.ReadFile(found)
		if err != nil {
			return fmt.Errorf("checksums.txt names %s, which is not there", name)
		}
		if got := sha256.Sum256(content); hex.EncodeToString(got[:]) != sum {
			return fmt.Errorf("%s is not what checksums.txt says", name)
		}
		named = append(named, name)
	}
	for _, platform := range []string{"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64"} {
		for _, name := range []string{"pyproctest_" + platform + ".tar.gz", "pyproctest_" + platform + ".cdx.json"} {
			if !slices.Contains(named, name) {
				return fmt.Errorf("checksums.txt does not name %s", name)
			}
		}
		text, err := os.ReadFile(filepath.Join(dist, "pyproctest_"+platform+".cdx.json"))
		if err != nil {
			return err
		}
		var bill struct {
			BOMFormat  string `json:"bomFormat"`
			Components []struct{ Name string }
		}
		if err := json.Unmarshal(text, &bill); err != nil {
			return err
		}
		if bill.BOMFormat != "CycloneDX" || !slices.ContainsFunc(bill.Components, func(c struct{ Name string }) bool { return c.Name == "github.com/spf13/cobra" }) {
			return fmt.Errorf("the SBOM of %s does not name what the binary is built of", platform)
		}
	}
	return nil
}

// checkBinary runs what needs no implementation.
func (r release) checkBinary(ctx context.Context, e *environment) error {
	if err := r.unpack(ctx, e); err != nil {
		return err
	}
	head, err := exec.CommandContext(ctx, "git", "-C", r.root, "rev-parse", "HEAD").Output()
	if err != nil {
		return err
	}
	for line, pattern := range map[string]string{
		"./pyproctest --version":               `^pyproctest \S+ \(commit ` + string(head[:12]) + `.*\), clauses version \d+, vectors \d+\.\d+\n$`,
		"./pyproctest explain FRM-7":           `(?s)A vector, .*bad_length`,
		"./pyproctest list --since 2":          `clauses version \d+\.\n$`,
		"./pyproctest vectors && ls vectors":   `schema\.json`,
		"./pyproctest vectors --diff 1.0":      `the same\.`,
		"./pyproctest init framer --lang node": `framer\.mjs is written`,
		"ls CHANGELOG.md LICENSE":              `LICENSE`,
	} {
		if err := e.expect(ctx, line, pattern); err != nil {
			return err
		}
	}
	if _, err := e.run(ctx, "go version"); err == nil {
		return errors.New("there is a Go in the environment, so nothing is shown")
	}
	return nil
}

// checkPlatform looks into the archive of a platform: a binary of that platform and of this version.
func (r release) checkPlatform(ctx context.Context, e *environment, platform string) error {
	archive := filepath.Join(r.out, "dist", "pyproctest_"+strings.ReplaceAll(platform, "/", "_")+".tar.gz")
	if _, err := e.run(ctx, "tar -xzf "+archive); err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(e.work("pyproctest"))
	if err != nil {
		return err
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if got := settings["GOOS"] + "/" + settings["GOARCH"]; got != platform {
		return fmt.Errorf("the binary in %s is for %s", filepath.Base(archive), got)
	}
	if settings["CGO_ENABLED"] != "0" || settings["-trimpath"] != "true" || settings["vcs.revision"] == "" {
		return fmt.Errorf("the binary in %s is not static, not trimmed, or does not know its commit: %v", filepath.Base(archive), settings)
	}
	content, err := os.ReadFile(e.work("pyproctest"))
	if err != nil {
		return err
	}
	if bytes.Contains(content, []byte(r.root)) {
		return fmt.Errorf("the binary in %s has the path of the source tree in it", filepath.Base(archive))
	}
	if r.tag != "" && info.Main.Version != r.tag {
		return fmt.Errorf("the binary in %s says that it is %s, not %s", filepath.Base(archive), info.Main.Version, r.tag)
	}
	return nil
}

// conforms is what a run of all cases ends with.
const conforms = `CONFORMS: all \d+ MUST hold`

// venv makes a virtual environment with a package in it.
func (e *environment) venv(ctx context.Context, file string) error {
	if err := e.has("python3"); err != nil {
		return err
	}
	if _, err := e.run(ctx, "python3 -m venv venv"); err != nil {
		return err
	}
	// Its own dependencies come from the index; the package itself must not.
	_, err := e.run(ctx, "venv/bin/python -m pip install -q "+file)
	return err
}

// workerVerdict is what somebody does who has a worker in Python: the binary, the package, a worker of a few lines.
func (r release) workerVerdict(ctx context.Context, e *environment) error {
	if err := r.unpack(ctx, e); err != nil {
		return err
	}
	wheel, err := one(filepath.Join(r.out, "python"), "*.whl")
	if err != nil {
		return err
	}
	if err := e.venv(ctx, wheel); err != nil {
		return err
	}
	// A person's own copy of what README.md of the worker points to.
	if err := copyFile(filepath.Join(r.root, "pyworker", "conformance_worker.py"), e.work("worker.py")); err != nil {
		return err
	}
	return e.expect(ctx, "./pyproctest run --worker 'venv/bin/python worker.py'", conforms)
}

// framerVerdict fills in the adapter that init writes with the framer of the command's own tests.
func (r release) framerVerdict(ctx context.Context, e *environment) error {
	if err := errors.Join(e.has("python3"), r.unpack(ctx, e)); err != nil {
		return err
	}
	if _, err := e.run(ctx, "./pyproctest init framer --lang python"); err != nil {
		return err
	}
	// What init wrote gives a verdict as it is: nothing holds.
	out, err := e.run(ctx, "./pyproctest run --framer 'python3 framer.py'")
	if err == nil {
		return errors.New("a framer that is not written yet passed")
	}
	if err := matches("run --framer", out, `NOT KNOWN TO CONFORM: 0 of \d+ MUST hold`); err != nil {
		return err
	}
	part, err := r.partOf("filled-python.txtar", "framer-part.py")
	if err != nil {
		return err
	}
	if err := fill(e.work("framer.py"), part); err != nil {
		return err
	}
	return e.expect(ctx, "./pyproctest run --framer 'python3 framer.py'", conforms)
}

// poolVerdict runs an adapter of the reference pool, which somebody with a pool in Go has built; the suite has no Go.
func (r release) poolVerdict(ctx context.Context, e *environment) error {
	if err := r.unpack(ctx, e); err != nil {
		return err
	}
	if _, err := e.run(ctx, "./pyproctest init pool --lang go"); err != nil {
		return err
	}
	part, imports, err := r.goPart("filled-go.txtar", "pool/main.go", "pool-part.go")
	if err != nil {
		return err
	}
	program, err := os.ReadFile(e.work("pool/main.go"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(e.work("pool/main.go"), bytes.Replace(program, []byte("import (\n"), []byte("import (\n"+imports), 1), 0o600); err != nil {
		return err
	}
	if err := fill(e.work("pool/main.go"), part); err != nil {
		return err
	}
	place := filepath.Join(r.root, "conformance", "release", "filled", "main.go")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{place: e.work("pool/main.go")}})
	if err != nil {
		return err
	}
	overlayFile := filepath.Join(e.dir, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		return err
	}
	if err := r.inTree(ctx, "go", "build", "-overlay", overlayFile, "-o", e.work("pool-program"), filepath.Dir(place)); err != nil {
		return err
	}
	return e.expect(ctx, "./pyproctest run --pool ./pool-program", conforms)
}

// partOf returns a file of a script of the command's tests.
func (r release) partOf(script, name string) ([]byte, error) {
	archive, err := r.script(script)
	if err != nil {
		return nil, err
	}
	return fileOf(archive, script, name)
}

// goPart is partOf for a part of a Go program, with the lines of import that the script adds to the program's.
func (r release) goPart(script, program, name string) (part []byte, imports string, err error) {
	archive, err := r.script(script)
	if err != nil {
		return nil, "", err
	}
	line := regexp.MustCompile(`(?m)^fill ` + regexp.QuoteMeta(program+" "+name) + `(( '[^']*')*)$`).FindSubmatch(archive.Comment)
	if line == nil {
		return nil, "", fmt.Errorf("%s does not fill %s into %s", script, name, program)
	}
	for _, path := range regexp.MustCompile(`'([^']*)'`).FindAllSubmatch(line[1], -1) {
		imports += "\t" + string(path[1]) + "\n"
	}
	part, err = fileOf(archive, script, name)
	return part, imports, err
}

func (r release) script(name string) (*txtar.Archive, error) {
	return txtar.ParseFile(filepath.Join(r.root, "conformance", "cmd", "pyproctest", "testdata", name))
}

func fileOf(archive *txtar.Archive, script, name string) ([]byte, error) {
	for _, f := range archive.Files {
		if f.Name == name {
			return f.Data, nil
		}
	}
	return nil, fmt.Errorf("%s has no %s", script, name)
}

// fill puts a part in the place of what stands under "Yours" in a program that init wrote.
func fill(file string, part []byte) error {
	program, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	yours := regexp.MustCompile(`(?s)([^\n]*) --- Yours .*?\n([^\n]*) --- The `)
	if !yours.Match(program) {
		return fmt.Errorf("%s has no part to fill in", file)
	}
	filled := yours.ReplaceAllFunc(program, func(found []byte) []byte {
		m := yours.FindSubmatch(found)
		return slices.Concat(part, []byte("\n"), m[2], []byte(" --- The "))
	})
	return os.WriteFile(file, filled, 0o600)
}

func (r release) checkWorkerPackage(ctx context.Context, e *environment, pattern string) error {
	file, err := one(filepath.Join(r.out, "python"), pattern)
	if err != nil {
		return err
	}
	if err := e.venv(ctx, file); err != nil {
		return err
	}
	if err := r.unpack(ctx, e); err != nil {
		return err
	}
	// A file that exposes the methods of a conformance run, served by the console command of the package.
	if err := copyFile(filepath.Join(r.root, "pyworker", "conformance_worker.py"), e.work("handlers.py")); err != nil {
		return err
	}
	if err := e.expect(ctx, "venv/bin/pyproctest-worker --version", `^pyproctest-worker \d+\.\d+\.\d+\n$`); err != nil {
		return err
	}
	if err := e.expect(ctx, `venv/bin/python -c 'import pyproctest_worker as w, pathlib; print((pathlib.Path(w.__file__).parent / "py.typed").exists())'`, "^True\n$"); err != nil {
		return err
	}
	return e.expect(ctx, "./pyproctest run --worker 'venv/bin/pyproctest-worker handlers.py' --clause WRK-1 --clause MSG-5", conformsInPart)
}

func (r release) checkVectorsPip(ctx context.Context, e *environment, pattern string) error {
	file, err := one(filepath.Join(r.out, "vectors"), pattern)
	if err != nil {
		return err
	}
	if err := e.venv(ctx, file); err != nil {
		return err
	}
	const job = `venv/bin/python -c 'from pyproctest_vectors import history, load, schema
v = load()
print(v.version, len(v.frames()) + len(v.messages), history()[-1].version, schema()["title"])'`
	return e.expect(ctx, job, `^(\d+\.\d+) [1-9]\d\d (\d+\.\d+) Golden vectors`)
}

func (r release) checkVectorsNPM(ctx context.Context, e *environment) error {
	file, err := one(filepath.Join(r.out, "vectors"), "*.tgz")
	if err != nil {
		return err
	}
	if err := e.has("node", "npm"); err != nil {
		return err
	}
	if err := os.WriteFile(e.work("package.json"), []byte(`{"private": true, "type": "module"}`), 0o600); err != nil {
		return err
	}
	if _, err := e.run(ctx, "npm install --silent --no-audit --no-fund "+file); err != nil {
		return err
	}
	const job = `import { history, load, schema } from "@pyproctest/vectors";
import { createRequire } from "node:module";
const raw = createRequire(import.meta.url)("@pyproctest/vectors/enhanced.json");
const v = load();
console.log(v.version, v.frames().length + v.messages.length, history().at(-1).version, schema().title, raw.name);
`
	const typed = `import { load, type ErrorKind, type FrameVector } from "@pyproctest/vectors";
const vectors: FrameVector[] = load().frames();
export const id: bigint = vectors[0]!.frames[0]!.id;
export const kind: ErrorKind | undefined = vectors[0]!.error;
// @ts-expect-error: it is no field of a vector
export const wrong = vectors[0]!.nothing;
`
	if err := errors.Join(os.WriteFile(e.work("job.js"), []byte(job), 0o600), os.WriteFile(e.work("typed.ts"), []byte(typed), 0o600)); err != nil {
		return err
	}
	if err := e.expect(ctx, "node job.js", `^(\d+\.\d+) [1-9]\d\d (\d+\.\d+) Golden vectors.* enhanced\n$`); err != nil {
		return err
	}
	if _, err := e.run(ctx, "npm install --silent --no-audit --no-fund typescript@5.9.3"); err != nil {
		return err
	}
	_, err = e.run(ctx, "node node_modules/typescript/bin/tsc --noEmit --strict --noUncheckedIndexedAccess --target es2022 --module nodenext typed.ts")
	return err
}

func (r release) checkVectorsArchive(ctx context.Context, e *environment) error {
	archive, err := one(filepath.Join(r.out, "vectors"), "pyproctest-vectors-*.tar.gz")
	if err != nil {
		return err
	}
	if err := r.unpack(ctx, e); err != nil {
		return err
	}
	if _, err := e.run(ctx, "mkdir v && tar -xzf "+archive+" -C v && cp -r v/*/. v"); err != nil {
		return err
	}
	return e.expect(ctx, "./pyproctest vectors --diff v", ` 0 vectors added, 0 changed, 0 removed; [1-9]\d\d the same`)
}

// checkRust runs the snippet of vectors/README.md with the crate itself; the test of package vectors has a stand-in.
func (r release) checkRust(ctx context.Context, e *environment) error {
	cargo, err := exec.LookPath("cargo")
	if err != nil {
		return fmt.Errorf("NOT RUN: it takes cargo: %w", err)
	}
	readme, err := os.ReadFile(filepath.Join(r.root, "vectors", "README.md"))
	if err != nil {
		return err
	}
	m := regexp.MustCompile("(?s)```rust\n(.*?)```").FindSubmatch(readme)
	if m == nil {
		return errors.New("vectors/README.md has no Rust snippet")
	}
	const manifest = "[package]\nname = \"snippet\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[lib]\npath = \"lib.rs\"\n[dependencies]\nserde_json = \"1\"\n"
	yours := filepath.Join(r.root, "vectors", "testdata", "readme", "yours.rs")
	archive, err := one(filepath.Join(r.out, "vectors"), "pyproctest-vectors-*.tar.gz")
	if err != nil {
		return err
	}
	if err := errors.Join(
		os.WriteFile(e.work("lib.rs"), m[1], 0o600), os.WriteFile(e.work("Cargo.toml"), []byte(manifest), 0o600), copyFile(yours, e.work("yours.rs")),
	); err != nil {
		return err
	}
	if _, err := e.run(ctx, "mkdir v && tar -xzf "+archive+" -C v && mkdir vectors && cp v/*/*.json vectors"); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, cargo, "test", "--quiet", "--jobs", "2")
	cmd.Dir = filepath.Join(e.dir, "work")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("cargo test: %w\n%s", err, tail(out))
	}
	return matches("cargo test", string(out), `1 passed; 0 failed`)
}

// imageJob is the smallest job of the image: the bundled worker, by the package that is in it.
const imageJob = `run --worker 'python3 /usr/local/share/pyproctest/conformance_worker.py' --clause 'WRK-1' --clause 'MSG-5'`

// checkImage builds the image and runs it, if there is an engine. Otherwise it does what the container file says in a copy of this
// machine's own root, which takes root and Linux.
func (r release) checkImage(ctx context.Context, e *environment) error {
	image := filepath.Join(r.out, "image")
	if exec.CommandContext(ctx, "docker", "info").Run() == nil {
		if err := r.inTree(ctx, "docker", "build", "-q", "-t", "pyproctest:check", "-f", filepath.Join(image, "Containerfile"), image); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, "sh", "-c", "docker run --rm --network none pyproctest:check "+imageJob)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("docker run: %w\n%s", err, tail(out))
		}
		return matches("docker run", string(out), conformsInPart)
	}
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		return errors.New("NOT RUN: there is no container engine, and without one it takes Linux and root")
	}
	text, err := os.ReadFile(filepath.Join(image, "Containerfile"))
	if err != nil {
		return err
	}
	all, err := instructions(string(text))
	if err != nil {
		return err
	}
	script, err := standIn(all, image, runtime.GOARCH, imageJob)
	if err != nil {
		return err
	}
	python, err := exec.CommandContext(ctx, "python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return err
	}
	fmt.Fprintln(e.log, "  no container engine: the steps of the container file run in a copy of this machine's root, not on its base image")
	file := filepath.Join(e.dir, "steps.sh")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return err
	}
	layers := filepath.Join(e.dir, "layers")
	outer := fmt.Sprintf(`set -e
mkdir -p %[1]s
mount -t tmpfs tmpfs %[1]s
mkdir %[1]s/upper %[1]s/work %[1]s/tree
mount -t overlay overlay -o lowerdir=/,upperdir=%[1]s/upper,workdir=%[1]s/work %[1]s/tree
mkdir -p %[1]s/tree%[2]s %[1]s/tree%[6]s
mount --bind %[2]s %[1]s/tree%[2]s
mount --bind %[6]s %[1]s/tree%[6]s
mount -t proc proc %[1]s/tree/proc
mount --rbind /dev %[1]s/tree/dev
exec chroot %[1]s/tree env -i PATH=/usr/local/bin:%[3]s:/usr/bin:/bin HOME=/tmp %[4]s sh %[5]s
`, layers, image, filepath.Dir(strings.TrimSpace(string(python))), quoted(indexes()), file, e.dir)
	cmd := exec.CommandContext(ctx, "unshare", "-m", "sh", "-c", outer)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("the steps of the container file: %w\n%s", err, tail(out))
	}
	return matches("the entry point", string(out), conformsInPart)
}

// quoted returns words for a shell.
func quoted(words []string) string {
	all := make([]string, len(words))
	for i, word := range words {
		all[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return strings.Join(all, " ")
}

const conformsInPart = `CONFORMS: all 2 MUST hold`
