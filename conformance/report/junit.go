package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// JUnit writes the runs as JUnit XML, one suite for each. A violated MUST is a failure. A case that could not be run is
// an error. A case that does not fail the run (a SHOULD, a known failure, something that is not offered) is skipped, with
// its text. Each test case names a file of the implementation, if one is known. What fails a run without being a case (a MUST that was not exercised, a wrong line of the known-failing list)
// gets a test case of its own, so the XML is green exactly if the run succeeds.
func JUnit(w io.Writer, runs ...Run) error {
	all := junitSuites{Name: "pyproctest"}
	for _, r := range runs {
		suite := newJunitSuite(r.presentable())
		all.Suites = append(all.Suites, suite)
		all.Tests += suite.Tests
		all.Failures += suite.Failures
		all.Errors += suite.Errors
		all.Skipped += suite.Skipped
		all.elapsed += r.Elapsed
	}
	all.Time = seconds(all.elapsed)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", " ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

type junitSuites struct {
	XMLName xml.Name `xml:"testsuites"`
	Name    string   `xml:"name,attr"`
	junitCounts
	Time    string `xml:"time,attr"`
	Suites  []junitSuite
	elapsed time.Duration
}

type junitCounts struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Skipped  int `xml:"skipped,attr"`
}

type junitSuite struct {
	XMLName xml.Name `xml:"testsuite"`
	Name    string   `xml:"name,attr"`
	junitCounts
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
	file       string
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class      string           `xml:"classname,attr"`
	Name       string           `xml:"name,attr"`
	File       string           `xml:"file,attr,omitempty"`
	Time       string           `xml:"time,attr"`
	Properties *junitProperties `xml:"properties,omitempty"`
	Failure    *junitProblem    `xml:"failure"`
	Error      *junitProblem    `xml:"error"`
	Skipped    *junitProblem    `xml:"skipped"`
}

type junitProperties struct {
	Properties []junitProperty `xml:"property"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",cdata"` // CDATA stays readable, escapes do not
}

func newJunitSuite(r Run) junitSuite {
	s := junitSuite{
		Name: r.name(), file: r.File, Time: seconds(r.Elapsed), Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05"),
		Properties: []junitProperty{
			{"clauses-version", r.Spec}, {"verdict", string(r.Verdict())}, {"pyproctest", r.Environment.Version},
			{"go", r.Environment.Go}, {"os", r.Environment.OS + "/" + r.Environment.Arch}, {"rerun", r.Rerun.all()},
		},
	}
	failures := map[string]failure{}
	for _, f := range r.failures() {
		failures[f.ID] = f
	}
	for _, res := range r.Results {
		class, name, _ := strings.Cut(res.ID, "/")
		c := junitCase{Class: string(r.Role) + "." + class, Name: name, Time: seconds(res.Elapsed), Properties: requirements(res.Clauses)}
		if f, ok := failures[res.ID]; ok {
			r.setOutcome(&c, f)
		}
		s.add(c)
	}
	r.addOtherProblems(&s)
	return s
}

// addOtherProblems adds a test case for each thing that fails the run and is not a case.
func (r Run) addOtherProblems(s *junitSuite) {
	own := func(class, name string) junitCase {
		return junitCase{Class: string(r.Role) + "." + class, Name: name, Time: seconds(0)}
	}
	if r.Verdict() == NotRun {
		c := own("run", "set-up")
		c.Error = &junitProblem{Message: r.sentence(), Type: "set-up", Text: strings.Join(append([]string{r.SetUp}, r.NotRun...), "\n")}
		s.add(c)
	}
	if r.Interrupted {
		c := own("run", "interrupted")
		c.Error = &junitProblem{Message: "the run was interrupted", Type: "interrupted", Text: strings.Join(r.NotRun, "\n")}
		s.add(c)
	}
	for _, clause := range r.unexplained() {
		c := own(clause.Name, "not-run")
		c.Error = &junitProblem{Message: "no case says anything about this clause", Type: "not run", Text: clause.Sentence + "\n" + strings.Join(r.NotRun, "\n")}
		s.add(c)
	}
	if r.Known != nil {
		for _, p := range r.Known.Problems {
			c := own("known-failing", fmt.Sprintf("line %d %s", p.Line, p.Pattern))
			c.Failure = &junitProblem{Message: p.Error(), Type: "known-failing"}
			s.add(c)
		}
	}
}

// requirements returns the clauses as properties of a test case.
func requirements(clauses []string) *junitProperties {
	if len(clauses) == 0 {
		return nil
	}
	p := &junitProperties{}
	for _, name := range clauses {
		p.Properties = append(p.Properties, junitProperty{"requirement", name})
	}
	return p
}

// setOutcome makes a failure the outcome of its test case.
func (r Run) setOutcome(c *junitCase, f failure) {
	text := f.Text()
	if line := r.Rerun.one(f.ID); line != "" {
		text += "once more: " + line + "\n"
	}
	p := &junitProblem{Message: f.headline(), Type: f.kind.String(), Text: "\n" + text}
	if f.Flaky() {
		p.Message = f.HeldText() + ": " + p.Message
	}
	switch {
	case f.excuse != nil:
		p.Message = fmt.Sprintf("known failing: %s. %s", f.excuse.Reason, p.Message)
		c.Skipped = p
	case !r.fails(f):
		c.Skipped = p
	case f.kind == blocked, f.kind == unsupported:
		c.Error = p
	default:
		c.Failure = p
	}
}

func (s *junitSuite) add(c junitCase) {
	c.File = s.file
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
