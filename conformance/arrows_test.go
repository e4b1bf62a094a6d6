package conformance_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/pyproctest/pyproctest/"

// arrows says which packages of this module each package may import. Imports of tests are not held here: tests and
// commands bring ref and conformance together. A package without a line may import none of ours.
var arrows = map[string]string{
	"conformance/spec":              "",
	"conformance/spec/gen":          "conformance/spec",
	"conformance/internal/text":     "",
	"conformance/internal/proc":     "",
	"conformance/internal/scripted": "",
	"conformance/internal/seeded":   "",
	"conformance/internal/wire":     "conformance/internal/text conformance/spec",
	"conformance/result":            "conformance/internal/text conformance/internal/wire conformance/spec",
	"conformance/inspect":           "conformance/internal/text conformance/internal/wire conformance/spec",
	"conformance/internal/suite":    "conformance/internal/proc conformance/result conformance/spec",

	// The three roles never import each other.
	"conformance/internal/framer": "conformance/internal/proc conformance/internal/suite conformance/internal/text conformance/internal/wire conformance/result conformance/spec vectors",
	"conformance/internal/worker": "conformance/internal/proc conformance/internal/suite conformance/internal/text conformance/internal/wire conformance/result conformance/spec vectors",
	"conformance/internal/pool": "conformance/internal/proc conformance/internal/scripted conformance/internal/suite conformance/internal/text conformance/internal/wire " +
		"conformance/result conformance/spec vectors",

	// The engine of explore knows no role; the three roles below it never import each other.
	"conformance/internal/explore":        "conformance/internal/proc conformance/internal/scripted conformance/internal/suite conformance/internal/text conformance/internal/wire conformance/result conformance/spec",
	"conformance/internal/explore/framer": "conformance/internal/explore conformance/internal/framer conformance/internal/suite conformance/internal/text conformance/internal/wire conformance/result conformance/spec vectors",
	"conformance/internal/explore/worker": "conformance/internal/explore conformance/internal/proc conformance/internal/text conformance/internal/wire conformance/internal/worker conformance/result conformance/spec vectors",
	"conformance/internal/explore/pool": "conformance/internal/explore conformance/internal/pool conformance/internal/scripted conformance/internal/suite conformance/internal/text conformance/internal/wire " +
		"conformance/result conformance/spec",

	"conformance":             "conformance/internal/explore conformance/internal/explore/framer conformance/internal/explore/pool conformance/internal/explore/worker conformance/internal/framer conformance/internal/pool conformance/internal/suite conformance/internal/worker conformance/result conformance/spec",
	"conformance/catalog":     "conformance/internal/framer conformance/internal/pool conformance/internal/suite conformance/internal/worker conformance/result conformance/spec",
	"conformance/catalog/gen": "conformance/catalog conformance/spec",
	"conformance/adapter":     "conformance conformance/internal/framer conformance/internal/pool conformance/internal/proc conformance/internal/suite conformance/spec",
	"conformance/known":       "conformance/catalog conformance/internal/text conformance/result conformance/spec",
	"conformance/report":      "conformance/catalog conformance/internal/text conformance/known conformance/result conformance/spec",
	"conformance/tap":         "conformance/inspect conformance/spec",
	"conformance/cmd/pyproctest": "bench/gate bench/load bench/peer bench/report bench/results bench/rounds bench/rows conformance conformance/adapter conformance/catalog conformance/inspect conformance/internal/text conformance/known conformance/report " +
		"conformance/result conformance/spec conformance/tap vectors",

	"conformance/release": "", // it runs programs
	"conformance/site":    "conformance/catalog conformance/report conformance/spec vectors",

	"ref/frame":   "",
	"ref/message": "",
	"ref/pool":    "ref/frame ref/message",

	"vectors":      "",
	"vectors/pack": "vectors",
	"vectors/gen":  "", // not even package vectors, which embeds what it writes

	"fuzz": "conformance conformance/inspect conformance/spec ref/frame ref/message vectors",

	"bench/turns":  "",
	"bench/floor":  "bench/peer bench/turns",
	"bench/gate":   "bench/results",
	"bench/load":   "bench/rows bench/turns",
	"bench/report": "bench/chart bench/results",
	// Whoever measures brings the suite, whose types are those of framers and pools, and the reference together.
	"bench":                 "bench/floor bench/load bench/rows conformance",
	"bench/rows":            "bench/floor bench/peer bench/turns conformance pyworker ref/frame ref/pool",
	"bench/rounds":          "bench/results bench/rows bench/turns conformance",
	"pyworker":              "",
	"bench/soak":            "ref/frame ref/message ref/pool",
	"bench/cmd/pyprocbench": "bench/gate bench/report bench/results bench/turns conformance conformance/result",
}

func TestPackagesImportOnlyWhatTheyMay(t *testing.T) {
	t.Parallel()
	wrong, unused := compareArrows(t, importsOf(t), arrows)
	require.Empty(t, wrong, "imports that the layout does not allow; see conformance/CONTRIBUTING.md")
	require.Empty(t, unused, "arrows that nothing uses any more: take them out of this test")
}

func TestAnArrowThatIsNotAllowedIsNamed(t *testing.T) {
	t.Parallel()
	wrong, unused := compareArrows(t, map[string][]string{
		"ref/pool":                    {"ref/frame", "conformance/spec"},
		"conformance/internal/worker": {"conformance/internal/pool"},
		"new":                         {"vectors"},
	}, map[string]string{"ref/pool": "ref/frame ref/message", "conformance/internal/worker": ""})
	require.Equal(t, []string{"conformance/internal/worker -> conformance/internal/pool", "new -> vectors", "ref/pool -> conformance/spec"}, wrong)
	require.Equal(t, []string{"ref/pool -> ref/message"}, unused)
}

// importsOf returns for each package of the module which others of the module it imports.
func importsOf(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	require.NoError(t, err)
	all := map[string][]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		name := strings.TrimPrefix(p.ImportPath, module)
		all[name] = nil
		for _, i := range p.Imports {
			if ours, ok := strings.CutPrefix(i, module); ok {
				all[name] = append(all[name], ours)
			}
		}
	}
	require.Greater(t, len(all), 30, "the packages of the module were listed")
	return all
}

// compareArrows returns the imports that are not allowed and those that are allowed and not there.
func compareArrows(t *testing.T, imports map[string][]string, allowed map[string]string) (wrong, unused []string) {
	t.Helper()
	for name, list := range imports {
		may := strings.Fields(allowed[name])
		for _, i := range list {
			if !slices.Contains(may, i) {
				wrong = append(wrong, fmt.Sprintf("%s -> %s", name, i))
			}
		}
	}
	for name, list := range allowed {
		for _, i := range strings.Fields(list) {
			if !slices.Contains(imports[name], i) {
				unused = append(unused, fmt.Sprintf("%s -> %s", name, i))
			}
		}
	}
	slices.Sort(wrong)
	slices.Sort(unused)
	return wrong, unused
}
