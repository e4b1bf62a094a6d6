package tap

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/conformance/inspect"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// inspection inspects what passed on one pair, after it has passed.
type inspection struct {
	tap        *Tap
	pair       *pair
	number     int
	opened     time.Time
	inspector  *inspect.Connection
	violations int
	givenUp    bool
}

const (
	bytesLogged = 512 // of a frame
	rowsDumped  = 16  // of a frame, for a person
)

func (t *Tap) newInspection(p *pair) *inspection {
	inspector, _ := inspect.NewConnection(t.options.inspector()) // Listen has checked the options
	return &inspection{tap: t, pair: p, number: t.newNumber(), opened: time.Now(), inspector: inspector}
}

// run inspects until the connection has ended. After giveUp it inspects nothing more.
func (i *inspection) run() {
	i.report(Event{Event: Opened})
	for last := false; !last; {
		var pieces []piece
		var overflowed bool
		pieces, overflowed, last = i.pair.copies.take()
		if overflowed {
			i.giveUp(fmt.Sprintf("over %d bytes passed faster than they could be inspected", i.tap.options.Behind))
			i.tap.keep(Passing{Time: time.Now(), Connection: i.number, Lost: true})
		}
		for _, p := range pieces {
			i.tap.keep(Passing{Time: p.at, Connection: i.number, Sender: p.sender, Data: p.data, End: p.end})
			if !i.givenUp {
				i.inspect(p)
			}
			i.pair.copies.done(p)
		}
	}
	counts := i.inspector.Counts()
	i.report(Event{Event: Closed, Violations: i.violations, Framing: i.inspector.Framing(), Passed: &Passed{
		FromPool: i.pair.passed[0].Load(), FromWorker: i.pair.passed[1].Load(),
		Requests: counts.Requests, Cancellations: counts.Cancellations, Answers: counts.Answers, Unreadable: counts.Unreadable,
		Milliseconds: time.Since(i.opened).Milliseconds(),
	}})
}

func (i *inspection) inspect(p piece) {
	if p.end {
		i.found(i.inspector.End(p.sender))
		return
	}
	i.found(i.inspector.Write(p.sender, p.data))
}

// giveUp stops the inspection of the connection and says why. The bytes go on.
func (i *inspection) giveUp(why string) {
	if !i.givenUp {
		i.givenUp = true
		i.report(Event{Event: GivenUp, Reason: why})
	}
}

func (i *inspection) found(frames []inspect.Frame) {
	for _, f := range frames {
		if i.mayBeRight(f) {
			i.giveUp(f.Violations[0].Got + "; give the limit of the two sides, if it is another")
			return
		}
		for _, v := range f.Violations {
			kind := ViolationSeen
			if v.Kind == spec.Truncated {
				kind = CutOff
			} else {
				i.violations++
			}
			clause, _ := spec.LookUp(v.Clause)
			i.report(Event{
				Event: kind, Sender: f.Sender, Framing: f.Framing, Clause: v.Clause, Level: clause.Level, Kind: v.Kind,
				Offset: &v.Offset, Frame: &f.Offset, Message: f.Message, Want: v.Want, Got: v.Got,
				Bytes: hex.EncodeToString(f.Bytes[:min(len(f.Bytes), bytesLogged)]), Size: len(f.Bytes), Dump: f.Dump(rowsDumped),
			})
		}
	}
}

// mayBeRight reports whether the frame is only over the default limit, while both sides may have agreed on a higher one
// [FRM-13].
func (i *inspection) mayBeRight(f inspect.Frame) bool {
	if f.Whole || i.tap.options.MaxPayload != 0 || f.Violations[0].Kind != spec.TooLarge {
		return false
	}
	length := f.Bytes
	if f.Framing == spec.Enhanced {
		length = f.Bytes[2:]
	}
	return binary.BigEndian.Uint32(length) < noLimit
}

// noLimit is above every possible limit [FRM-14].
const noLimit = 0x50590000

func (i *inspection) report(e Event) {
	e.Connection = i.number
	i.tap.report(e)
}
