package conformance_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"
)

// handle runs a method and returns the rest of its response, empty for none.
func (w *plantedWorker) handle(r plantedRequest) string {
	var in struct {
		Message string
		MS      int
		Size    int
		Code    int
	}
	_ = json.Unmarshal(r.body, &in)
	switch r.method {
	case "echo":
		return w.result(w.echo(r.body))
	case "fail":
		if w.has("hides-the-text-of-exceptions") {
			return plantedFailure("internal error")
		}
		if in.Message == "" && w.has("an-exception-without-a-text-is-a-success") {
			return w.result("null")
		}
		return plantedFailure("fail: " + in.Message)
	case "sleep":
		if w.has("sleep-returns-at-once") {
			return w.result("null")
		}
		select {
		case <-r.cancelled:
			switch {
			case w.has("odd: cancelled-requests-succeed"):
				return w.result(`"cancelled"`)
			case w.has("odd: cancelled-requests-get-no-answer"):
				return ""
			}
			return plantedFailure("cancelled")
		case <-time.After(time.Duration(in.MS) * time.Millisecond):
			return w.result(`"slept"`)
		}
	case "pid":
		if w.has("odd: twins-of-names-and-whole-numbers-with-fractions") {
			return w.result(fmt.Sprintf("%d.0", os.Getpid()))
		}
		return w.result(fmt.Sprint(os.Getpid()))
	case "health":
		pid := os.Getpid()
		if w.has("health-tells-another-process") {
			pid = 1
		}
		if w.has("health-is-busy-beside-a-handler") && w.running.Load() > 1 {
			return w.result(fmt.Sprintf(`{"status":"busy","pid":%d}`, pid))
		}
		if w.has("health-is-a-string") {
			return w.result(`"healthy"`)
		}
		if w.has("odd: twins-of-names-and-whole-numbers-with-fractions") {
			return w.result(fmt.Sprintf(`{"status":"healthy","pid":%d.0,"Status":"sick","PID":1}`, pid))
		}
		return w.result(fmt.Sprintf(`{"status":"healthy","pid":%d,"more":true}`, pid))
	case "blob":
		if w.has("blob-is-one-short") && in.Size > 1 {
			in.Size--
		}
		if w.has("odd: blob-of-characters-that-are-escaped") {
			return w.result(`"` + strings.Repeat(`\/`, in.Size) + `"`)
		}
		return w.result(`"` + strings.Repeat("x", in.Size) + `"`)
	case "unserializable":
		switch {
		case w.has("unserializable-closes-no-call"):
			return ""
		case w.has("unserializable-becomes-null"):
			return w.result("null")
		}
		return plantedFailure("the result cannot be encoded as JSON")
	case "exit":
		if w.has("exit-with-another-status") {
			in.Code = 1
		}
		if !w.has("exit-is-no-exit") {
			os.Exit(in.Code)
		}
		return plantedFailure("exit")
	case "inflight":
		switch {
		case w.has("inflight-is-missing"):
			return plantedFailure("no method inflight")
		case w.has("inflight-is-always-0"):
			return w.result("0")
		case w.has("odd: inflight-leaves-itself-out"):
			return w.result(fmt.Sprint(w.running.Load() - 1))
		}
		return w.result(fmt.Sprint(w.running.Load()))
	}
	if w.has("unknown-methods-return-null") {
		return w.result("null")
	}
	if w.has("unknown-methods-fail-without-a-reason") {
		return plantedFailure("error")
	}
	return plantedFailure("unknown method " + r.method)
}

func (w *plantedWorker) result(body string) string {
	if w.has("leaves-null-out") && body == "null" {
		return `"ok":true`
	}
	return `"ok":true,"body":` + body
}

// plantedPair is a character beyond 16 bits, escaped as two halves.
var plantedPair = regexp.MustCompile(`\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}`)

// plantedTime is a text that looks like a time.
var plantedTime = regexp.MustCompile(`"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]+)"`)

// echo returns the body as it came, but for the faults.
func (w *plantedWorker) echo(body json.RawMessage) string {
	if w.has("bodies-in-envelopes-are-taken-out") {
		var envelope struct {
			Type    *string
			Payload json.RawMessage
		}
		if json.Unmarshal(body, &envelope) == nil && envelope.Type != nil && envelope.Payload != nil {
			return string(envelope.Payload)
		}
	}
	switch {
	case w.has("sends-infinity") && strings.Contains(string(body), "1e400"):
		return "Infinity"
	case w.has("bodies-are-doubles"):
		var value any
		if json.Unmarshal(body, &value) == nil {
			if text, err := json.Marshal(value); err == nil {
				return string(text)
			}
		}
	case w.has("false-bodies-become-null") && (string(body) == "false" || string(body) == "0" || string(body) == `""`):
		return "null"
	case w.has("cuts-text-at-nul") && strings.Contains(string(body), `\u0000`):
		cut, _, _ := strings.Cut(string(body), `\u0000`)
		return cut + `"`
	case w.has("text-that-looks-like-a-time-is-made-one"):
		return plantedTime.ReplaceAllStringFunc(string(body), func(text string) string {
			at, err := time.Parse(`"`+time.RFC3339+`"`, text)
			if err != nil {
				return text
			}
			return at.Format(`"2006-01-02T15:04:05.999999999-07:00"`)
		})
	case w.has("escaped-pairs-are-not-joined"):
		return plantedPair.ReplaceAllString(string(body), `\ufffd\ufffd`)
	case w.has("nests-50-levels") && strings.Count(string(body), "[")+strings.Count(string(body), "{") > 50:
		panic("nested too deeply")
	case w.has("dies-of-deep-nesting") && strings.Count(string(body), "[") > 500:
		panic("nested too deeply")
	}
	return string(body)
}
