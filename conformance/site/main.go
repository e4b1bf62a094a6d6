// Command site writes the site: the clauses, the implementations that were measured by them, the benchmarks, and how to adopt
// the suite in each role.
//
//	go run ./conformance/site -out .cache/site           # make site
//	go run ./conformance/site -collect a.json b.json …   # make site-results: the reports of runs, as implementations.json
//
// It reads what the repository has: the clauses and cases by their packages, the baselines of the benchmarks and their history
// by git. A link to nothing is an error.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

func main() {
	out := flag.String("out", ".cache/site", "folder to write to, which is emptied first")
	collect := flag.Bool("collect", false, "write conformance/site/implementations.json from the JSON reports that are named")
	flag.Parse()
	err := error(nil)
	if *collect {
		head, headErr := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
		if err = headErr; err == nil {
			err = writeImplementations("conformance/site/implementations.json", strings.TrimSpace(string(head)), flag.Args())
		}
	} else {
		err = write(".", *out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "site:", err)
		os.Exit(1)
	}
}
