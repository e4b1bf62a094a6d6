package adapter

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// lineSeeds are what programs answer, rightly and wrongly.
var lineSeeds = []string{
	`{"tag":1,"role":"framer","name":"sample"}` + "\n" + `{"tag":2,"refused":"no such command"}` + "\n",
	`{"tag":1,"reads":[{"kind":"frame","id":"18446744073709551615","payload":"00ff"},{"kind":"eof"}]}` + "\n",
	`{"tag":3,"reads":[{"kind":"waiting"}]}` + "\n" + `{"tag":2,"reads":[{"kind":"bad_crc","text":"x"},{"kind":"io"},{"kind":"other"},{"kind":"eof"}]}` + "\n",
	`{"tag":1,"writes":["5059","00"],"results":[{"kind":"ok"},{"kind":"too_large"}]}` + "\n",
	`{"tag":1,"ok":true}` + "\n" + `{"tag":2,"body":"[1,null]"}` + "\n" + `{"tag":3,"error":{"kinds":["busy","canceled"],"text":"no"}}` + "\n",
	`{"tag":4,"total":2,"healthy":1,"restarts":3,"last_check_ms":1700000000000}` + "\n" + `{"tag":1,"unsupported":"no basic framing"}` + "\n",
	`{"tag":1,"failed":"oops"}` + "\n" + `{"tag":1}` + "\n", `{"tag":99,"ok":true}` + "\n", `{"tag":null}` + "\n", "[]\n", "\n", "starting…\n", `{"tag":1,"ok":tr`,
	`{"tag":1,"body":"nonsense"}` + "\n" + `{"tag":2,"body":null}` + "\n" + `{"tag":3,"reads":null}` + "\n" + `{"tag":4,"error":{}}` + "\n",
	`{"tag":1,"reads":[{"kind":"frame","id":"-1","payload":"0"}]}` + "\n", `{"tag":1e2,"ok":true}` + "\n",
}

// FuzzLines reads any bytes as what a program prints: they never make the suite crash or wait for what
// does not come, and never pass for an answer that was not asked for.
func FuzzLines(f *testing.F) {
	for _, seed := range lineSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, printed []byte) {
		if err := checkLines((*process).listen, printed); err != nil {
			t.Fatal(err)
		}
	})
}

// checkLines has four requests wait for answers.
func checkLines(listen func(*process, *bufio.Reader) error, printed []byte) error {
	p := &process{pending: map[int64]chan answer{}}
	asked := map[int64]chan answer{}
	for tag := range int64(4) {
		asked[tag+1] = make(chan answer, 1)
		p.pending[tag+1] = asked[tag+1]
	}
	problem := listen(p, bufio.NewReaderSize(bytes.NewReader(printed), 16))
	if err := checkProblem(problem); err != nil {
		return err
	}
	answers := 0
	for tag, c := range asked {
		select {
		case a := <-c:
			answers++
			if err := checkAnswer(tag, a, printed); err != nil {
				return err
			}
		default:
		}
	}
	if lines := bytes.Count(printed, []byte("\n")); problem == nil && answers != lines {
		return fmt.Errorf("%q has %d lines, of which %d are answers, and nothing is said of the others", printed, lines, answers)
	}
	return nil
}

// checkProblem wants a fault to be told in one line.
func checkProblem(problem error) error {
	var fault *Fault
	if problem != nil && (!errors.As(problem, &fault) || fault.Problem == "" || strings.Contains(fault.Problem, "\n")) {
		return fmt.Errorf("%q is no fault told in one line", problem)
	}
	return nil
}

// checkAnswer takes an answer for one to each command.
func checkAnswer(tag int64, a answer, printed []byte) error {
	if a.Tag == nil || *a.Tag != tag || !bytes.Contains(printed, a.line) || !json.Valid(a.line) {
		return fmt.Errorf("request %d was answered with %q", tag, a.line)
	}
	for _, then := range []string{thenEOF, thenOpen, thenError} {
		for _, again := range []int{0, moreReads} {
			reads, err := readsOf(a, then, again)
			if err == nil && len(reads) == 0 {
				return fmt.Errorf("%q passes for an answer to decode, and has no reads", a.line)
			}
			for _, o := range reads {
				_, _ = (&incoming{}).frame(o)
			}
		}
	}
	for frames := range 3 {
		if _, results, err := writtenOf(a, frames); err == nil && len(results) != frames {
			return fmt.Errorf("%q passes for an answer to encode, and has %d results for %d frames", a.line, len(results), frames)
		}
	}
	for _, do := range []string{doOpen, doStart, doCall, doCancel, doHealth, doShutdown} {
		ctx, cancel := context.WithCancelCause(context.Background())
		made := &remotePool{adapter: &Adapter{stderr: newTail(nil), ctx: ctx, cancel: cancel}}
		got, err := made.judge(do, a, nil)
		cancel(nil)
		switch {
		case err != nil:
			if err := checkProblem(faultIn(err)); err != nil {
				return err
			}
		case do == doCall && got.Body == nil: // a body that is no JSON is the pool's, and a case judges it
			return fmt.Errorf("%q passes for an answer to a call, and has no body", a.line)
		case do == doHealth && got.Total == nil:
			return fmt.Errorf("%q passes for an answer to health, and has no counts", a.line)
		}
	}
	return nil
}

func faultIn(err error) error {
	var fault *Fault
	if errors.As(err, &fault) {
		return fault
	}
	return nil
}

func TestLinesCatchesFaults(t *testing.T) {
	for fault, listen := range map[string]func(*process, *bufio.Reader) error{
		"garbage is the end": func(p *process, r *bufio.Reader) error { _ = p.listen(r); return nil },
		"what a program prints is shown as it is": func(p *process, r *bufio.Reader) error {
			all, _ := r.Peek(r.Size())
			if p.listen(r) != nil {
				return &Fault{Problem: string(all)}
			}
			return nil
		},
		"an answer is anybody's": func(p *process, r *bufio.Reader) error {
			one := p.pending[1]
			p.pending[1], p.pending[2] = p.pending[2], one
			return p.listen(r)
		},
	} {
		caught := 0
		for _, seed := range lineSeeds {
			require.NoError(t, checkLines((*process).listen, []byte(seed)))
			if checkLines(listen, []byte(seed)) != nil {
				caught++
			}
		}
		require.NotZero(t, caught, fault)
	}
}
