package explore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Schema names the form of a saved history. history.schema.json describes it.
const Schema = "pyproctest/history/1"

// History is what the suite does to a subject, step by step, with literal values only: a replay needs no generator.
//
// Steps name the things that they work on, such as a connection "c1". A step whose thing is missing is left out when the
// history is played, so every list of some of the steps, in their order, is a history too.
type History struct {
	Schema  string    `json:"schema"`
	Role    spec.Role `json:"role"`
	Options Options   `json:"options"`
	Made    Made      `json:"made"`
	Steps   []Step    `json:"steps"`
	Expect  *Expect   `json:"expect,omitempty"`
	Failed  *Failed   `json:"failed,omitempty"`
	Minimal bool      `json:"minimal,omitempty"`
}

// Options are what the subject is made with. A worker has none.
type Options struct {
	Framing     spec.Framing `json:"framing,omitempty"`
	MaxPayload  int          `json:"max_payload,omitempty"`
	Workers     int          `json:"workers,omitempty"`
	MaxInFlight int          `json:"max_in_flight,omitempty"`
	// How often a pool checks its workers, and how long a check may take, in milliseconds; 0 is a minute.
	CheckEvery  int `json:"check_every_ms,omitempty"`
	CheckWithin int `json:"check_within_ms,omitempty"`
	StartWithin int `json:"start_within_ms,omitempty"` // how long a pool gives a worker to become ready, in milliseconds; 0 is two minutes
	RestartIn   int `json:"restart_in_ms,omitempty"`   // how long a pool waits before a restart that it delays, in milliseconds; 0 is 5 at first and 50 at most
	Queue       int `json:"queue,omitempty"`           // how many calls of a pool may wait for a slot; 0 sets no bound
	// Program is "missing" for a pool whose workers' program does not exist, and Output is "fails" for one whose user's writer
	// takes nothing of what they print.
	Program string `json:"program,omitempty"`
	Output  string `json:"output,omitempty"`
}

// Words says with what the subject is made; empty where nothing is to be said.
func (o Options) Words() string {
	var all []string
	add := func(is bool, format string, args ...any) {
		if is {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	add(o.Framing != "", "the %s framing", o.Framing)
	add(o.Workers > 0, "%s", text.Plural(o.Workers, "worker"))
	add(o.MaxInFlight > 0, "max_in_flight %d", o.MaxInFlight)
	add(o.MaxPayload > 0, "max_payload %d", o.MaxPayload)
	add(o.Queue > 0, "room for %d in the queue", o.Queue)
	add(o.CheckEvery > 0, "health checks every %d ms", o.CheckEvery)
	add(o.CheckWithin > 0, "a health check fails after %d ms", o.CheckWithin)
	add(o.StartWithin > 0, "a worker has %d ms to start", o.StartWithin)
	add(o.RestartIn > 0, "a restart is delayed by %d ms", o.RestartIn)
	add(o.Program != "", "the workers' program does not exist")
	add(o.Output != "", "the user's writer for what workers print takes nothing")
	return strings.Join(all, "; ")
}

// Made says where a history comes from.
type Made struct {
	Seed   string `json:"seed,omitempty"` // decimal: readers in other languages hold doubles
	Number int    `json:"number,omitempty"`
}

// Expect is what the history breaks: a rule of the model, and the clause that it comes from. Kin are clauses that count as
// right too.
type Expect struct {
	Rule   string   `json:"rule"`
	Clause string   `json:"clause"`
	Kin    []string `json:"kin,omitempty"`
}

// Failed is how often the history failed, of how many runs.
type Failed struct {
	Times int `json:"times"`
	Of    int `json:"of"`
}

// Step is one thing that the suite does. Do says what, and which of the other fields count. IDs are decimal strings.
type Step struct {
	Do string `json:"do"`

	Conn   string `json:"conn,omitempty"`   // the connection that it works on
	Call   string `json:"call,omitempty"`   // the call of a pool
	Worker int    `json:"worker,omitempty"` // the worker process of a pool, in the order of appearance from 1
	Lane   string `json:"lane,omitempty"`   // a writer of a framer: writes of two lanes have no order

	Framing  spec.Framing `json:"framing,omitempty"`
	ID       string       `json:"id,omitempty"`
	Header   string       `json:"header,omitempty"` // the ID in the header, where it differs from ID
	Method   string       `json:"method,omitempty"`
	Body     string       `json:"body,omitempty"` // JSON text; empty for no body
	More     string       `json:"more,omitempty"` // further fields, as JSON text without braces
	Envelope bool         `json:"envelope,omitempty"`
	Size     int          `json:"size,omitempty"` // bytes of a payload or a body that is made of one letter
	Count    int          `json:"count,omitempty"`
	Text     string       `json:"text,omitempty"` // a payload, or a reason
	Hex      string       `json:"hex,omitempty"`  // bytes as they are
	Cut      []int        `json:"cut,omitempty"`  // offsets at which the bytes are sent in pieces
	Hold     bool         `json:"hold,omitempty"` // go out together with the next bytes of the connection
	How      string       `json:"how,omitempty"`
	From     string       `json:"from,omitempty"` // the vector that the bytes come from
}

// Clone returns a copy that shares no steps.
func (h History) Clone() History {
	h.Steps = slices.Clone(h.Steps)
	return h
}

// With returns the history with these steps in place of its own.
func (h History) With(steps []Step) History {
	h.Steps = steps
	return h
}

// Load reads a saved history, or all in a folder, in the order of their names.
func Load(path string) (map[string]History, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	files := []string{path}
	if info.IsDir() {
		if files, err = filepath.Glob(filepath.Join(path, "*.json")); err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("%s holds no histories: no file ends in .json", path)
		}
	}
	all := map[string]History{}
	for _, file := range files {
		h, err := loadFile(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all[file] = h
	}
	return all, nil
}

// errSchema says that a file holds something else than a history of this version.
var errSchema = errors.New("no history in the form " + Schema)

func loadFile(path string) (History, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return History{}, err
	}
	var h History
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil {
		return History{}, fmt.Errorf("%w: %w", errSchema, err)
	}
	if h.Schema != Schema {
		return History{}, fmt.Errorf("%w: schema %q", errSchema, h.Schema)
	}
	return h, nil
}

// JSON returns the history as it is saved: one step on each line.
func (h History) JSON() ([]byte, error) {
	h.Schema = Schema
	steps := h.Steps
	h.Steps = nil
	head, err := marshal(h)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, s := range steps {
		line, err := marshal(s)
		if err != nil {
			return nil, err
		}
		lines = append(lines, "  "+string(line))
	}
	list := "[\n" + strings.Join(lines, ",\n") + "\n ]"
	return append(bytes.Replace(head, []byte(`"steps":null`), []byte("\n \"steps\":"+list), 1), '\n'), nil
}

// marshal is json.Marshal without escapes for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// Save writes the history into the folder and returns the path of its file. The name tells the rule.
func (h History) Save(dir string) (string, error) {
	data, err := h.JSON()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	name := string(h.Role)
	if h.Expect != nil {
		name += "-" + h.Expect.Clause + "-" + h.Expect.Rule
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%s-%d.json", name, h.Made.Seed, h.Made.Number))
	return path, os.WriteFile(path, data, 0o666)
}
