// Command pack writes the golden vectors as packages: a source tree for pip, one for npm, and an archive.
//
//	go run ./vectors/pack -out .cache/vectors
//
// The packages take the JSON files of package vectors as they are. Their version is that of the vectors, and a third
// number for changes of the packages alone.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/vectors"
)

// patch is raised when the packages change and the vectors do not, and is 0 again with new vectors.
const patch = 0

func main() {
	from := flag.String("from", ".", "the root of the repository")
	out := flag.String("out", ".cache/vectors", "folder to write to, which is emptied first")
	flag.Parse()
	if err := pack(os.DirFS(*from), *out); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

// pack writes out/python, out/npm and out/pyproctest-vectors-VERSION.tar.gz.
func pack(root fs.FS, out string) error {
	version, err := packageVersion()
	if err != nil {
		return err
	}
	python, err := tree(root, "vectors/python", "src/pyproctest_vectors")
	if err != nil {
		return err
	}
	npm, err := tree(root, "vectors/npm", ".")
	if err != nil {
		return err
	}
	if err := versioned(python, "pyproject.toml", `version = "0.0.0" # vectors/pack puts that of the vectors here`, fmt.Sprintf("version = %q", version)); err != nil {
		return err
	}
	if err := versioned(npm, "package.json", `"version": "0.0.0"`, fmt.Sprintf(`"version": %q`, version)); err != nil {
		return err
	}
	archive, err := archived(root, "pyproctest-vectors-"+version)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	files := map[string][]byte{"pyproctest-vectors-" + version + ".tar.gz": archive}
	for name, content := range python {
		files["python/"+name] = content
	}
	for name, content := range npm {
		files["npm/"+name] = content
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
	return nil
}

func packageVersion() (string, error) {
	set, err := vectors.Load()
	return fmt.Sprintf("%s.%d", set.Version, patch), err
}

// tree returns the files of a package: those of its folder, the licence, and the vectors in the subfolder.
func tree(root fs.FS, folder, data string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(root, folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.Name() == "__pycache__" {
				return fs.SkipDir
			}
			return err
		}
		content, err := fs.ReadFile(root, name)
		files[strings.TrimPrefix(name, folder+"/")] = content
		return err
	})
	if err != nil {
		return nil, err
	}
	if files["LICENSE"], err = fs.ReadFile(root, "LICENSE"); err != nil {
		return nil, err
	}
	err = eachVectorFile(func(name string, content []byte) { files[path.Join(data, name)] = content })
	return files, err
}

func eachVectorFile(do func(name string, content []byte)) error {
	names, err := fs.Glob(vectors.FS, "*.json")
	if err != nil {
		return err
	}
	for _, name := range names {
		content, err := fs.ReadFile(vectors.FS, name)
		if err != nil {
			return err
		}
		do(name, content)
	}
	return nil
}

// versioned puts the version in the place of the one that the file is kept with.
func versioned(files map[string][]byte, name, kept, own string) error {
	if bytes.Count(files[name], []byte(kept)) != 1 {
		return fmt.Errorf("%s: %s must stand there once, to be replaced", name, kept)
	}
	files[name] = bytes.Replace(files[name], []byte(kept), []byte(own), 1)
	return nil
}

// archived returns a gzipped tar of the vectors, their README and the licence, always the same bytes for the same files.
func archived(root fs.FS, folder string) ([]byte, error) {
	files := map[string][]byte{}
	if err := eachVectorFile(func(name string, content []byte) { files[name] = content }); err != nil {
		return nil, err
	}
	readme, err := fs.ReadFile(root, "vectors/README.md")
	licence, licenceErr := fs.ReadFile(root, "LICENSE")
	if err := errors.Join(err, licenceErr); err != nil {
		return nil, err
	}
	files["README.md"], files["LICENSE"] = readme, licence

	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	packed := tar.NewWriter(zipped)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{Name: folder + "/" + name, Mode: 0o644, Size: int64(len(files[name])), Format: tar.FormatUSTAR}
		if err := packed.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := packed.Write(files[name]); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(packed.Close(), zipped.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
