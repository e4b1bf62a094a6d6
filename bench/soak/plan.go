package main

import (
	"math/rand/v2"
	"strings"
	"time"
)

// What is called and what is done to workers is drawn from the seed alone, never from what came of it, so that
// a seed gives the same plan again. When each step comes about is the machine's matter.

// stream is the source of one of the random sequences of a soak.
func stream(seed uint64, part, number int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(part)<<32|uint64(number)))
}

// step is one call of one caller.
type step struct {
	method string
	ms     float64       // for how long the handler of "wait" waits
	pad    string        // sent, and expected back
	leaves time.Duration // after which the caller leaves; 0 if it stays
}

const letters = "abcdefghijklmnopqrstuvwxyz0123456789"

// long is cut into pads.
var long = strings.Repeat(letters, 200_000/len(letters))

func nextStep(r *rand.Rand) step {
	kind, size, at, ms, leaving, leaves := r.IntN(100), r.IntN(1000), r.IntN(len(letters)), r.IntN(20), r.IntN(20), r.IntN(5000)
	s := step{method: "run"}
	switch {
	case kind < 5:
		s.method, s.ms = "wait", 1+float64(ms)
	case kind < 10:
		s.method = "fail"
	}
	length := 64
	switch {
	case size == 0:
		length = 100_000 // takes several writes
	case size < 50:
		length = 4_000
	case size < 500:
		length = size % 32
	}
	s.pad = long[at : at+length]
	if leaving == 0 {
		s.leaves = time.Duration(1+leaves) * time.Microsecond
	}
	return s
}

// trouble is what is done at one beat. The first worker is the elder: it is stopped like the others, but
// never killed nor asked to misbehave, so that its memory can be watched.
type trouble struct {
	victim  int           // whose process is killed, or that of the next one that is up
	stopped int           // whose process is stopped, or -1
	stopFor time.Duration // until it is continued
	spoil   string        // the method that makes a worker misbehave, or ""
}

// beat is the time between two troubles.
const beat = 50 * time.Millisecond

func nextTrouble(r *rand.Rand, workers int) trouble {
	victim, stopping, stopped, stopFor, spoiling := r.IntN(workers-1), r.IntN(4), r.IntN(workers), r.IntN(150), r.IntN(10)
	t := trouble{victim: 1 + victim, stopped: -1}
	if stopping == 0 {
		t.stopped, t.stopFor = stopped, time.Duration(10+stopFor)*time.Millisecond
	}
	switch spoiling {
	case 0:
		t.spoil = "garbage"
	case 1:
		t.spoil = "half"
	}
	return t
}

// cycle is one start and stop of a pool.
type cycle struct {
	kind   kind
	fails  string        // how the start is to fail, or ""
	cancel time.Duration // of a start that is cancelled, when
	hurry  bool          // the context of Shutdown has ended before
}

// waysToFail are those of a start: every worker exits, one of them does, none listens in time, there is no such
// program, and the caller gives up.
var waysToFail = []string{"exit", "one", "silent", "absent", "cancel"}

func nextCycle(r *rand.Rand, number int) cycle {
	k, way, cancel, hurry := r.IntN(2*len(everyKind)), r.IntN(len(waysToFail)), r.IntN(60), r.IntN(4)
	c := cycle{kind: everyKind[k%len(everyKind)], hurry: hurry == 0}
	if k >= len(everyKind) {
		c.kind.worker = "go" // three of four, for they start in a fraction of the time
	}
	if number%2 == 1 {
		c.fails = waysToFail[way]
		c.cancel = time.Duration(cancel) * time.Millisecond
	}
	return c
}
