package worker

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// methodsCase is also the case that the preflight reports when the worker lacks methods of [WRK-21].
func methodsCase() testCase {
	return testCase{
		Name: "conformance-methods-do-what-they-say", Clauses: []string{"WRK-21"}, Framings: suite.BothFramings,
		Cause: "The worker does not expose the methods for conformance runs, or they do not do what SPEC.md says.",
		Run:   conformanceMethodsDoWhatTheySay,
	}
}

// healthCase is also one of the cases that are run of a worker without the methods of [WRK-21].
func healthCase() testCase {
	return testCase{
		Name: "health-tells-the-process", Clauses: []string{"WRK-20"}, Framings: suite.BothFramings,
		Cause: "The worker has `health` only if the user exposes it, or `health` returns the ID of another process than the one that serves.",
		Run:   healthTellsTheProcess,
	}
}

func methodCases() []testCase {
	return []testCase{
		{
			Name: "unknown-method-gets-an-error-answer", Clauses: []string{"WRK-10"}, Framings: suite.BothFramings,
			Cause: "The worker looks up the method outside the code that turns exceptions into error answers.",
			Run:   unknownMethodGetsAnErrorAnswer,
		},
		{
			Name: "exception-becomes-an-error-answer-with-its-text", Clauses: []string{"WRK-11"}, Framings: suite.BothFramings,
			Cause: "The worker replaces the text of the exception with a general one, or pastes it into the JSON without escapes.",
			Run:   exceptionBecomesAnErrorAnswerWithItsText,
		},
		{
			Name: "result-that-cannot-be-encoded-becomes-an-error-answer", Clauses: []string{"WRK-12"}, Framings: suite.BothFramings,
			Cause: "The worker encodes the result outside the code that turns exceptions into error answers.",
			Run:   resultThatCannotBeEncodedBecomesAnErrorAnswer,
		},
		{
			Name: "answer-over-max-payload-becomes-an-error-answer", Clauses: []string{"WRK-13"}, Framings: suite.BothFramings, Late: true,
			Cause: "The worker sends the answer whatever its length is, or ends the connection when it refuses to.",
			Run:   answerOverMaxPayloadBecomesAnErrorAnswer,
		},
		{
			Name: "answer-of-max-payload-is-sent", Clauses: []string{"WRK-13"}, Framings: suite.BothFramings, Late: true,
			Cause: "The worker compares something else than the payload with the limit, or its limit is below 10485760.",
			Run:   answerOfMaxPayloadIsSent,
		},
		healthCase(),
		{
			Name: "health-beside-a-running-handler", Clauses: []string{"WRK-20"}, Framings: suite.BothFramings,
			Cause: "`health` says something else while a handler runs, or is refused then.",
			Run:   healthBesideARunningHandler,
		},
		methodsCase(),
		{
			Name: "inflight-counts-the-handlers-that-run", Clauses: []string{"WRK-21"},
			Cause: "`inflight` counts requests instead of handlers, or it misses the end of handlers that fail or are cancelled.",
			Run:   inflightCountsTheHandlersThatRun,
		},
		{
			Name: "inflight-falls-whatever-the-end-of-a-handler", Clauses: []string{"WRK-21"}, Framings: suite.BothFramings,
			Cause: "The worker counts a handler down only when it returns, and not when it raises, is cancelled or returns what cannot be sent.",
			Run:   inflightFallsWhateverTheEndOfAHandler,
		},
		{
			Name: "exit-ends-the-process-at-once", Clauses: []string{"WRK-21"}, Framings: suite.BothFramings,
			Cause: "The worker raises the exit as an exception, which becomes an answer, or it waits for other handlers. A wrapper has to pass the status on.",
			Run:   exitEndsTheProcessAtOnce,
		},
	}
}

// mustFailSaying waits for an error answer whose text contains one of the words, in any case of letters, and checks that
// the connection goes on.
func (q *peer) mustFailSaying(clause, what string, id uint64, words ...string) {
	r := q.awaitReply(purpose(clause), id)
	answered := strings.ToLower(r.answer.Error)
	says := slices.ContainsFunc(words, func(w string) bool { return strings.Contains(answered, strings.ToLower(w)) })
	switch {
	case r.answer.OK:
		q.fail(clause, "an error answer to "+what, text.Excerpt(r.Payload), r)
	case !says:
		q.fail(clause, fmt.Sprintf("an error answer to %s that says so, with one of the words %q", what, words), fmt.Sprintf("the error %q", r.answer.Error), r)
	}
	q.call(purpose(clause), "echo", `"the connection goes on"`)
}

func unknownMethodGetsAnErrorAnswer(t *T) {
	q := t.start().connect(setUp, t.Framing)
	for _, method := range []string{"no_such_method", "__init__", "é"} {
		q.mustFailSaying("WRK-10", "a call of "+wire.Quote(method), q.ask(method, `1`), method, "method", "unknown", "not found", "no such")
	}
}

func exceptionBecomesAnErrorAnswerWithItsText(t *T) {
	q := t.start().connect(setUp, t.Framing)
	for _, message := range []string{"on purpose", `"quoted" \ back`, "line one\nline two", "日本語 😀", strings.Repeat("long ", 100), "", " "} {
		id := q.ask("fail", fmt.Sprintf(`{"message":%s}`, wire.Quote(message)))
		q.mustFailSaying("WRK-11", "an exception with the text "+text.Clip(wire.Quote(message), 60), id, message)
	}
}

func resultThatCannotBeEncodedBecomesAnErrorAnswer(t *T) {
	q := t.start().connect(setUp, t.Framing)
	q.mustFailSaying("WRK-12", "a result that cannot be encoded", q.ask("unserializable", "null"), encodingWords...)
	id := uint64(1) << 40
	q.sendMessage(id, wire.Envelope("request", wire.Request(id, "unserializable", "null")))
	q.mustFailSaying("WRK-12", "a result that cannot be encoded", id, encodingWords...)
}

var encodingWords = []string{"serializ", "serialis", "encod", "json", "marshal", "represent", "convert", "dump"}

func answerOverMaxPayloadBecomesAnErrorAnswer(t *T) {
	t.allowForLargePayloads()
	q := t.start().connect(setUp, t.Framing)
	what := fmt.Sprintf("a result of %d characters, whose answer is over max_payload", spec.DefaultMaxPayload)
	id := q.ask("blob", fmt.Sprintf(`{"size":%d}`, spec.DefaultMaxPayload))
	q.mustFailSaying("WRK-13", what, id, sizeWords...)
}

var sizeWords = []string{"large", "big", "long", "size", "limit", "exceed", "max", "payload", "bytes", "over", "fit"}

// answerOfMaxPayloadIsSent first measures how many bytes a worker puts around the body, which is its own choice. If that
// number varies, or JSON escapes the characters of the body, no request gives an answer of exactly max_payload.
func answerOfMaxPayloadIsSent(t *T) {
	t.allowForLargePayloads()
	q := t.start().connect(setUp, t.Framing)
	for _, blob := range []func(id uint64, size int) reply{q.blob, q.blobInEnvelope} {
		q.answerOfMaxPayload(blob)
	}
}

func (q *peer) answerOfMaxPayload(blob func(id uint64, size int) reply) {
	t := q.t
	const small = 1000
	around := len(blob(1001, small).Payload) - small
	exact := true
	for i := range 4 {
		size := small << i
		exact = exact && len(blob(uint64(1002+i), size).Payload) == around+size
	}
	if !exact {
		t.Note("suite", "the bytes around a body vary, so that answers about as large as max_payload are not looked at one by one")
	}
	if r := blob(1010, spec.DefaultMaxPayload-around); exact && !r.answer.OK {
		t.Fail("WRK-13", fmt.Sprintf("an answer of exactly %d bytes is sent as it is", spec.DefaultMaxPayload), "the error %q", r.answer.Error)
	}
	if r := blob(1011, spec.DefaultMaxPayload-around+1); r.answer.OK && len(r.Payload) > spec.DefaultMaxPayload {
		t.Fail("WRK-13", fmt.Sprintf("an answer of %d bytes is replaced by an error answer", spec.DefaultMaxPayload+1), "an answer of %d bytes", len(r.Payload))
	}
	q.call("WRK-13", "echo", `"the connection goes on"`)
}

// blob requests a `blob` of that size and waits for the answer.
func (q *peer) blob(id uint64, size int) reply {
	q.request(id, "blob", fmt.Sprintf(`{"size":%d}`, size))
	return q.awaitReply("WRK-13", id)
}

// blobInEnvelope is like blob, with the request in an envelope, so that the answer stands in one [MSG-2].
func (q *peer) blobInEnvelope(id uint64, size int) reply {
	q.sendMessage(id, wire.Envelope("request", wire.Request(id, "blob", fmt.Sprintf(`{"size":%d}`, size))))
	return q.awaitReply("WRK-13", id)
}

func healthTellsTheProcess(t *T) {
	p := t.start()
	q := p.connectServed(t.Framing)
	for _, body := range []string{"null", "{}", `"ignored"`} {
		q.mustBeHealthy(q.call("WRK-20", "health", body))
	}
}

// healthBesideARunningHandler calls `health` while a `sleep` runs, on its connection and on another. A worker that runs one
// handler at a time answers later.
func healthBesideARunningHandler(t *T) {
	p := t.start()
	q, other := p.connectServed(t.Framing), p.beside()
	sleeps := q.ask("sleep", sleepFor(shortSleep))
	if other != nil {
		other.mustBeHealthy(other.call("WRK-20", "health", "null"))
	}
	q.mustBeHealthy(q.call("WRK-20", "health", "null"))
	q.await("WRK-9", sleeps)
}

// mustBeHealthy fails [WRK-20] if the answer to `health` does not say that the worker is healthy, and which process it is.
func (q *peer) mustBeHealthy(got wire.Answer) {
	t, p := q.t, q.process
	health, err := wire.Object(got.Body) // a struct would accept names in another case of letters [MSG-4]
	var status string
	if err == nil {
		err = json.Unmarshal(health["status"], &status)
	}
	if !got.OK || err != nil || status != "healthy" {
		t.FailNow("WRK-20", `an object with "status": "healthy" and its process ID as "pid"`, "%s%s", got.Error, text.Clip(string(got.Body), 200))
	}
	if pid, err := wire.WholeNumber(health["pid"]); err != nil || !p.isWithin(pid) {
		t.FailNow("WRK-20", fmt.Sprintf("the ID of the process that serves, %d or one that it started", p.cmd.Process.Pid), "pid %s", health["pid"])
	}
}

func conformanceMethodsDoWhatTheySay(t *T) {
	p := t.start()
	q := p.connectServed(t.Framing)
	q.mustEcho("WRK-21", q.ask("echo", `{"a":[1,"b"]}`), `{"a":[1,"b"]}`)

	got := q.call("WRK-21", "pid", "null")
	if pid, err := wire.WholeNumber(got.Body); err != nil || !p.isWithin(pid) {
		t.Fail("WRK-21", fmt.Sprintf("`pid` returns the ID of the process that serves, %d or one that it started", p.cmd.Process.Pid), "%s%s", got.Error, got.Body)
	}
	for _, size := range []int{0, 1, 4096} {
		got := q.call("WRK-21", "blob", fmt.Sprintf(`{"size":%d}`, size))
		var letters string
		err := json.Unmarshal(got.Body, &letters)
		ascii := !strings.ContainsFunc(letters, func(r rune) bool { return r > 0x7f })
		if !got.OK || err != nil || len(letters) != size || !ascii {
			t.Fail("WRK-21", fmt.Sprintf("`blob` returns a string of %d ASCII characters", size), "%s%s", got.Error, text.Clip(string(got.Body), 100))
		}
	}
	began := time.Now()
	r := q.awaitReply("WRK-21", q.ask("sleep", sleepFor(shortSleep)))
	if slept := r.at.Sub(began); !r.answer.OK || slept < shortSleep*9/10 {
		t.Fail("WRK-21", fmt.Sprintf("`sleep` returns after %v", shortSleep), "\"ok\": %v after %v %s", r.answer.OK, slept, r.answer.Error)
	}
}

// inflightCountsTheHandlersThatRun tries again with a longer sleep if the readings during one were not conclusive: on a
// slow machine the sleep may be over before it was read. A worker that runs one handler at a time never gives a
// conclusive reading.
func inflightCountsTheHandlersThatRun(t *T) {
	p := t.start()
	q := p.connectServed(t.anyFraming())
	g := p.gaugeBeside(q)
	for sleep, tries := 800*time.Millisecond, 3; tries > 0 && !g.readDuringSleep(q, sleep); tries-- {
		sleep *= 2
	}
	if !g.waitForAtMost(0, nil) {
		t.Fail("WRK-21", "`inflight` falls to what it was when the `sleep` has ended", "it has not after %v", t.Patience())
	}
}

// inflightFallsWhateverTheEndOfAHandler has handlers end otherwise than with an answer that has their result. Those of
// cancelled requests and of callers that left are for [CAN-5] and [CAN-8].
func inflightFallsWhateverTheEndOfAHandler(t *T) {
	t.allowForLargePayloads()
	p := t.start()
	q := p.connectServed(t.Framing)
	g := p.gaugeBeside(q)
	for _, c := range []struct{ method, body string }{
		{"fail", `{"message":"on purpose"}`}, {"no_such_method", "null"}, {"unserializable", "null"}, {"blob", fmt.Sprintf(`{"size":%d}`, spec.DefaultMaxPayload)},
	} {
		q.call(setUp, c.method, c.body)
		if !g.waitForAtMost(0, nil) {
			t.FailNow("WRK-21", fmt.Sprintf("`inflight` falls to what it was when `%s` %s has ended", c.method, c.body), "it has not after %v%s", t.Patience(), p.exitSuffix())
		}
	}
}

// readDuringSleep reads `inflight` again and again while a handler sleeps, and reports whether a reading was conclusive.
// Only a reading that lies wholly within the time in which the handler must have been running is conclusive, and fails
// the clause if it is wrong.
func (g *gauge) readDuringSleep(q *peer, sleep time.Duration) (conclusive bool) {
	t := q.t
	type reading struct {
		from, to time.Time
		running  int
	}
	var readings []reading
	asked := time.Now()
	id := q.ask("sleep", sleepFor(sleep))
	var answered time.Time
	for answered.IsZero() {
		r := reading{from: time.Now()}
		n, ok := g.read(t.Patience())
		if !ok {
			t.FailNow("WRK-21", "`inflight` is answered", "%s", g.peer.whyNoAnswer())
		}
		r.to, r.running = time.Now(), n
		readings = append(readings, r)
		if slept, done := q.wait(pollInterval, q.hasID(id)); done {
			answered = slept.at
		} else if time.Since(asked) > sleep+t.Patience() {
			q.noAnswer("WRK-21", "an answer to `sleep`")
		}
	}
	// The handler began no later than the length of the sleep before its answer came, and ended no earlier than that
	// length after the request was sent.
	begun, end := answered.Add(-sleep*9/10), asked.Add(sleep*9/10)
	for _, r := range readings {
		if r.from.Before(begun) || r.to.After(end) {
			continue
		}
		conclusive = true
		if r.running != 1 {
			t.FailNow("WRK-21", "`inflight` shows one handler more while a `sleep` runs", "%d more", r.running)
		}
	}
	return conclusive
}

func exitEndsTheProcessAtOnce(t *T) {
	p := t.startFresh()
	if !t.oneAtATime {
		g := p.gauge()
		p.connectServed(t.Framing).ask("sleep", t.endlessSleep())
		if !g.waitForRunning(1, never) { // one handler at a time: `exit` would wait for the sleep
			p = t.startFresh()
		}
	}
	q := p.connectServed(t.Framing)
	id := q.ask("exit", `{"code":7}`)
	status, ended := p.awaitExit(t.Patience())
	switch {
	case !ended:
		t.FailNow("WRK-21", "`exit` {\"code\": 7} ends the process at once", "it still runs after %v", t.Patience())
	case status != 7:
		t.Fail("WRK-21", "`exit` {\"code\": 7} ends the process with status 7", "%s", p.howItEnded())
	}
	q.mustClose("WRK-21", "the connection ends with the process")
	if r, ok := q.wait(0, q.hasID(id)); ok {
		q.fail("WRK-21", "`exit` ends the process without an answer", text.Excerpt(r.Payload), r)
	}
}
