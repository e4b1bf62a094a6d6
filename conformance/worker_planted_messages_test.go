package conformance_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

type plantedRequest struct {
	id        json.RawMessage
	header    uint64
	enveloped bool
	cancelled chan struct{}
	comes     chan struct{} // closed when its answer may leave, under an oddity
	passes    chan struct{} // closed when it has left, under an oddity
	method    string
	body      json.RawMessage
}

var plantedID = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)

// readable reports whether the ID is an integer of 64 bits.
func (w *plantedWorker) readable(id json.RawMessage) bool {
	if w.has("takes-any-id") && len(id) > 0 && string(id) != "null" {
		return true
	}
	_, err := strconv.ParseUint(string(id), 10, 64)
	return err == nil && plantedID.Match(id)
}

func (c *plantedConn) receive(header uint64, payload []byte) error {
	w := c.w
	c.latest.Store(header)
	if w.has("takes-nan") {
		payload = regexp.MustCompile(`-?(NaN|Infinity)`).ReplaceAll(payload, []byte("0"))
	}
	if w.has("replaces-malformed-utf8") {
		payload = bytes.ToValidUTF8(payload, []byte("?"))
	}
	if len(payload) > 2 && payload[1] == 0 && w.has("finds-out-that-text-is-utf-16") {
		units := make([]uint16, len(payload)/2)
		for i := range units {
			units[i] = uint16(payload[2*i]) | uint16(payload[2*i+1])<<8
		}
		payload = []byte(string(utf16.Decode(units)))
	}
	if len(payload) == 0 && w.has("empty-payloads-are-heartbeats") {
		return nil
	}
	fields := map[string]json.RawMessage{}
	if w.has("odd: refuses-more-than-100-levels") && plantedLevels(payload) > 100 {
		return c.refuse(header, nil, false, "too many levels")
	}
	if !utf8.Valid(payload) || !json.Valid(payload) {
		if w.has("malformed-json-gets-no-answer") {
			return nil
		}
		if w.has("malformed-json-closes-the-connection") {
			return io.ErrUnexpectedEOF
		}
		return c.refuse(header, nil, false, "malformed JSON")
	}
	if json.Unmarshal(payload, &fields) != nil || fields == nil {
		if w.has("what-is-no-object-crashes") {
			panic("no object")
		}
		return c.refuse(header, nil, false, "no object")
	}
	var kind string
	r := plantedRequest{header: header}
	inner, ok := fields["payload"]
	if w.has("empty-payloads-make-no-envelope") && slices.Contains([]string{"null", "false", "0", `""`, "{}", "[]"}, string(inner)) {
		ok = false
	}
	if w.has("envelopes-have-their-type-first") && plantedFirstName(payload) != "type" {
		ok = false
	}
	isText := len(fields["type"]) > 0 && fields["type"][0] == '"' && json.Unmarshal(fields["type"], &kind) == nil
	if (ok || w.has("any-type-makes-an-envelope")) && isText {
		r.enveloped = kind == "request" || !w.has("odd: no-envelopes-in-answers-to-unknown-types")
		fields = map[string]json.RawMessage{}
		_ = json.Unmarshal(inner, &fields)
		w.number(fields)
		if kind == "cancellation" {
			if id := fields["id"]; c.enhanced && w.readable(id) && !w.has("ids-are-not-compared") && string(id) != strconv.FormatUint(header, 10) &&
				!(w.has("headers-of-cancellations-are-not-compared") || w.has("compares-ids-in-32-bits") || w.has("ids-are-doubles") || w.has("takes-any-id")) {
				return errors.New("a violation")
			}
			return c.cancel(header, fields)
		}
	} else {
		kind = "request"
		w.number(fields)
	}
	if w.has("takes-names-in-any-case") {
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			fields[strings.ToLower(name)] = fields[name]
		}
	}
	r.id = fields["id"]
	if n, ok := new(big.Int).SetString(string(r.id), 10); ok && n.Sign() > 0 && w.has("ids-wrap-at-64-bits") {
		r.id = strconv.AppendUint(nil, n.Uint64(), 10)
	}
	if w.has("converts-ids") {
		r.id = json.RawMessage(strings.TrimSuffix(strings.Trim(string(r.id), `"`), ".0"))
	}
	switch {
	case w.has("refuses-unknown-fields") && len(fields) > 3:
		return c.refuse(header, r.id, r.enveloped, "unknown fields")
	case kind != "request" && w.has("unknown-envelopes-get-no-answer"):
		return nil
	case kind != "request":
		return c.refuse(header, r.id, r.enveloped, "an unknown type of envelope")
	case !w.readable(r.id):
		return c.refuse(header, nil, r.enveloped, "no readable ID")
	case c.enhanced && w.has("compares-ids-in-32-bits"):
		if id, err := strconv.ParseUint(string(r.id), 10, 64); err != nil || uint32(id) != uint32(header) {
			return errors.New("a violation")
		}
	case c.enhanced && !w.has("ids-are-not-compared") && !w.has("takes-any-id") && !(r.enveloped && w.has("ids-in-envelopes-are-not-compared")) &&
		string(r.id) != strconv.FormatUint(header, 10):
		return errors.New("a violation")
	case w.has("ids-are-doubles"):
		f, err := strconv.ParseFloat(string(r.id), 64)
		if err != nil {
			return err
		}
		r.id = strconv.AppendFloat(nil, f, 'f', 0, 64)
	}
	if m := fields["method"]; len(m) == 0 || m[0] != '"' || json.Unmarshal(m, &r.method) != nil {
		if w.has("strange-methods-close-the-connection") {
			return io.ErrUnexpectedEOF
		}
		return c.refuse(header, r.id, r.enveloped, "the method is no string")
	}
	if r.body = fields["body"]; r.body == nil {
		if w.has("demands-a-body") {
			return c.refuse(header, r.id, r.enveloped, "no body")
		}
		r.body = json.RawMessage("null")
	}
	return c.begin(r)
}

// number takes a boolean for the number that it is to some languages, under a fault.
func (w *plantedWorker) number(fields map[string]json.RawMessage) {
	if !w.has("true-is-the-id-1") {
		return
	}
	switch string(fields["id"]) {
	case "true":
		fields["id"] = json.RawMessage("1")
	case "false":
		fields["id"] = json.RawMessage("0")
	}
}

// plantedFirstName is the name of the first field of the object.
func plantedFirstName(object []byte) string {
	in := json.NewDecoder(bytes.NewReader(object))
	_, _ = in.Token()
	name, _ := in.Token()
	text, _ := name.(string)
	return text
}

// plantedLevels is how deep the text is nested.
func plantedLevels(text []byte) int {
	levels, deepest, inText := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			inText = !inText
		case '\\':
			i++
		case '[', '{':
			if levels++; !inText {
				deepest = max(deepest, levels)
			}
		case ']', '}':
			levels--
		}
	}
	return deepest
}

// refuse answers what is no request.
func (c *plantedConn) refuse(header uint64, id json.RawMessage, enveloped bool, why string) error {
	if !c.w.readable(id) {
		id = json.RawMessage("0")
	}
	if c.enhanced {
		id = strconv.AppendUint(nil, header, 10)
	}
	if c.w.has("errors-go-out-under-0") {
		id, header = json.RawMessage("0"), 0
	}
	if c.refused++; c.refused%10 == 0 && c.in.Buffered() > 0 {
		c.dropsNext = c.w.has("drops-a-request-behind-unreadable-ones")
	}
	r := plantedRequest{id: id, header: header, enveloped: enveloped}
	if c.w.has("odd: answers-each-connection-in-request-order") {
		r.comes, r.passes = c.turn()
		c.owe(1)
		go func() {
			defer c.owe(-1)
			<-r.comes
			c.answer(r, plantedFailure(why))
			close(r.passes)
		}()
		return nil
	}
	c.answer(r, plantedFailure(why))
	return nil
}

// turn returns when the answer to a message that is read now may leave, and what lets that of the next one.
func (c *plantedConn) turn() (comes, passes chan struct{}) {
	comes, passes = c.last, make(chan struct{})
	if comes == nil {
		comes = make(chan struct{})
		close(comes)
	}
	c.last = passes
	return comes, passes
}

func plantedFailure(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		return `"ok":false,"error":"?"`
	}
	return `"ok":false,"error":` + string(quoted)
}

func (c *plantedConn) cancel(header uint64, fields map[string]json.RawMessage) error {
	w := c.w
	id := string(fields["id"])
	if w.has("cancellations-go-by-their-header") {
		id = strconv.FormatUint(header, 10)
	}
	if w.has("ids-are-doubles") {
		if f, err := strconv.ParseFloat(id, 64); err == nil {
			id = strconv.FormatFloat(f, 'f', 0, 64)
		}
	}
	if w.has("cancellations-need-a-reason") && fields["reason"] == nil || w.has("cancellations-are-ignored") {
		return nil
	}
	if w.has("refuses-unknown-fields") && len(fields) > 2 {
		return nil
	}
	if w.has("explains-itself") {
		fmt.Fprint(os.Stderr, "Traceback (most recent call last):\nKeyError: \x1b[31m'id'\n::error::no\na ##vso[task]\n")
		fmt.Fprint(os.Stdout, "half a line")
	}
	if w.has("cancellations-are-answered") {
		return c.refuse(0, fields["id"], true, "cancelled")
	}
	if w.has("cancels-on-any-connection") {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, stop := range w.cancels[id] {
			stop()
		}
		return nil
	}
	if w.has("cancels-all-of-the-connection") {
		c.cancelAll()
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if id != c.newest && w.has("cancellations-reach-the-newest-request-alone") {
		return nil
	}
	if c.came[id] == c.reads && w.has("cancellations-in-the-read-of-their-request-are-lost") {
		return nil
	}
	if stop := c.outstanding[w.key(json.RawMessage(id))]; stop != nil {
		stop()
	} else if w.has("remembers-cancelled-ids") {
		c.outstanding[id] = nil
	}
	return nil
}

// key is what a request is outstanding under.
func (w *plantedWorker) key(id json.RawMessage) string {
	if n, err := strconv.ParseUint(string(id), 10, 64); err == nil && w.has("keeps-outstanding-ids-in-32-bits") {
		return fmt.Sprint(uint32(n))
	}
	return string(id)
}

// begin runs the handler of a request beside the reading of the next one.
func (c *plantedConn) begin(r plantedRequest) error {
	w := c.w
	if w.stopping.Load() && w.has("crashes-at-requests-while-it-stops") {
		os.Exit(3)
	}
	if c.dropsNext {
		c.dropsNext = false
		return nil
	}
	r.cancelled = make(chan struct{})
	stop := sync.OnceFunc(func() { close(r.cancelled) })
	c.mu.Lock()
	key := w.key(r.id)
	earlier, repeated := c.outstanding[key]
	if repeated && earlier == nil {
		repeated = false
		stop()
	}
	c.outstanding[key] = stop
	c.newest = string(r.id)
	if w.has("cancellations-in-the-read-of-their-request-are-lost") {
		if c.came == nil {
			c.came = map[string]int{}
		}
		c.came[string(r.id)] = c.reads
	}
	c.begun++
	dropped := c.begun%101 == 0 && w.has("drops-each-101st-request") || c.begun%1001 == 0 && w.has("drops-each-1001st-request")
	c.mu.Unlock()
	if repeated && !w.has("takes-repeated-ids") {
		return errors.New("a violation")
	}
	if dropped {
		return nil
	}
	if w.has("cancels-on-any-connection") {
		w.mu.Lock()
		w.cancels[string(r.id)] = append(w.cancels[string(r.id)], stop)
		w.mu.Unlock()
	}
	if w.has("ids-are-unique-in-the-worker") {
		w.mu.Lock()
		taken := w.ids[string(r.id)]
		w.ids[string(r.id)] = true
		w.mu.Unlock()
		if taken {
			return errors.New("a violation")
		}
	}
	if w.has("reads-no-further-than-16-requests") {
		if c.slots == nil {
			c.slots = make(chan struct{}, 16)
		}
		c.slots <- struct{}{}
	}
	c.owe(1)
	if w.has("odd: answers-each-connection-in-request-order") {
		r.comes, r.passes = c.turn()
	}
	if w.has("reads-on-after-the-handler") {
		c.run(r)
	} else {
		go c.run(r)
	}
	return nil
}

func (c *plantedConn) run(r plantedRequest) {
	defer c.owe(-1)
	if c.slots != nil {
		defer func() { <-c.slots }()
	}
	if c.w.has("odd: runs-one-handler-at-a-time") {
		c.w.one.Lock()
	}
	if c.w.has("runs-the-handlers-of-one-connection-first") {
		c.w.turns.take(c)
	}
	c.w.running.Add(1)
	result := c.w.handle(r)
	if !c.w.has("inflight-misses-the-end-of-failures") || !strings.HasPrefix(result, `"ok":false,"error":"fail`) {
		c.w.running.Add(-1)
	}
	if c.w.has("odd: runs-one-handler-at-a-time") {
		c.w.one.Unlock()
	}
	if c.w.has("runs-the-handlers-of-one-connection-first") {
		c.w.turns.pass(c)
	}
	if r.comes != nil {
		<-r.comes
		defer close(r.passes)
	}
	forget := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.outstanding, c.w.key(r.id))
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		delete(c.w.ids, string(r.id))
	}
	switch {
	case c.w.has("ids-of-failures-stay-taken") && strings.HasPrefix(result, `"ok":false`):
	case c.w.has("frees-ids-when-answers-have-left"):
		defer forget()
	default:
		forget()
	}
	if c.w.has("stops-when-no-handler-runs") {
		c.w.due.Add(-1)
		defer c.w.due.Add(1)
	}
	if c.w.has("closes-half-closed-when-no-handler-runs") {
		c.due.Add(-1)
		defer c.due.Add(1)
	}
	if c.w.stopping.Load() && c.w.has("holds-answers-back-once-it-stops") {
		select {}
	}
	if result != "" {
		c.answer(r, result)
	}
}

// answer sends the rest of a response under the IDs of its request.
func (c *plantedConn) answer(r plantedRequest, rest string) {
	w := c.w
	text := fmt.Sprintf(`{"id":%s,%s}`, r.id, rest)
	if w.has("odd: writes-with-layout-and-more-fields") {
		text = fmt.Sprintf("\n{ \"took\" : [%s1] ,\t%s , \"id\" : %s }\r\n", strings.Repeat(" ", rand.N(2000)), rest, r.id)
	}
	if w.has("answers-under-0") {
		text = fmt.Sprintf(`{"id":0,%s}`, rest)
	}
	size := len(text)
	bare := w.has("answers-envelopes-bare") || w.has("failures-go-out-bare") && strings.HasPrefix(rest, `"ok":false`)
	if r.enveloped != w.has("turns-envelopes-round") && !bare {
		text = `{"type":"response","payload":` + text + `}`
	}
	if !w.has("envelopes-of-answers-are-not-counted") {
		size = len(text)
	}
	limit := plantedMax
	if c.enhanced && w.has("maximum-of-answers-counts-the-header") {
		limit -= 18
	}
	if size > limit {
		switch {
		case w.has("sends-answers-of-any-length"),
			w.has("errors-of-any-length-are-sent") && strings.HasPrefix(rest, `"ok":false`):
		case w.has("closes-at-too-large-answers"):
			_ = c.conn.Close()
			return
		default:
			c.answer(r, plantedFailure("the answer is larger than max_payload"))
			return
		}
	}
	switch {
	case w.has("header-of-answers-is-0"):
		r.header = 0
	case w.has("answers-bear-the-header-read-last"):
		r.header = c.latest.Load()
	}
	c.send(r.header, []byte(text))
	if w.has("answers-twice") {
		c.send(r.header, []byte(text))
	}
}
