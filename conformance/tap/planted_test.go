package tap_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/conformance/tap"
	"github.com/pyproctest/pyproctest/ref/frame"
)

// planted is what a pool and a worker send one after the other, the last of which breaks the clause.
type planted struct {
	clause string
	sends  []message
}

type message struct {
	sender spec.Role
	data   []byte
}

func fromPool(data []byte) message   { return message{spec.RolePool, data} }
func fromWorker(data []byte) message { return message{spec.RoleWorker, data} }

func enhanced(id uint64, payload string) []byte {
	return frame.AppendFrame(nil, frame.Enhanced, id, []byte(payload))
}

func basic(payload string) []byte { return frame.AppendFrame(nil, frame.Basic, 0, []byte(payload)) }

// damaged is a right frame with one byte changed.
func damaged(f []byte, at int, to byte) []byte {
	f = slices.Clone(f)
	f[at] = to
	return f
}

func TestEachKindOfViolationIsSeenInLiveTraffic(t *testing.T) {
	asked := fromPool(request(1))
	cancelled := fromPool(enhanced(1, `{"type":"cancellation","payload":{"id":1}}`))
	l := newLine(t, tap.Options{MaxPayload: 1 << 20})
	for connection, p := range []planted{
		{"FRM-6", []message{asked, fromPool(damaged(request(2), 0, 'Q'))}},
		{"FRM-7", []message{asked, fromWorker([]byte("PY\x00\x00\x00\x11\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00"))}},
		{"FRM-8", []message{fromPool([]byte{0, 0x10, 0, 1})}},
		{"CRC-4", []message{asked, fromWorker(damaged(answer(1), 30, '!'))}},
		{"STR-7", []message{asked, fromWorker(basic(`{"id":1,"ok":true,"body":1}`))}},
		{"STR-7", []message{fromPool(basic(`{"id":1,"method":"m"}`)), fromWorker(answer(1))}},
		{"MSG-17", []message{fromPool(enhanced(1, `{"id":1,"method":"m"`))}},
		{"MSG-17", []message{fromPool(enhanced(1, "{\"id\":1,\"method\":\"\xff\"}"))}},
		{"MSG-17", []message{fromPool(enhanced(1, `{"id":1,"method":7}`))}},
		{"MSG-17", []message{fromPool(enhanced(1, `{"type":"ping","payload":{}}`))}},
		{"MSG-10", []message{fromPool(basic(`{"id":1.0,"method":"m"}`))}},
		{"RID-1", []message{fromPool(enhanced(0, `{"id":0,"method":"m"}`))}},
		{"RID-2", []message{asked, asked}},
		{"RID-3", []message{fromPool(enhanced(2, `{"id":1,"method":"m"}`))}},
		{"CAN-2", []message{asked, fromPool(enhanced(2, `{"type":"cancellation","payload":{"id":1}}`))}},
		{"MSG-1", []message{asked, fromWorker(enhanced(1, `[]`))}},
		{"MSG-1", []message{asked, fromWorker(enhanced(1, `{"id":1,"body":1}`))}},
		{"MSG-1", []message{asked, fromWorker(enhanced(1, `{"id":1,"ok":true}`))}},
		{"MSG-1", []message{asked, fromWorker(enhanced(1, `{"id":1,"ok":false,"error":7}`))}},
		{"MSG-1", []message{asked, fromWorker(answer(1)), fromWorker(answer(1))}},
		{"MSG-2", []message{asked, fromWorker(enhanced(1, `{"type":"response","payload":{"id":1,"ok":true,"body":1}}`))}},
		{"MSG-8", []message{asked, fromWorker(enhanced(1, `{"id":1,"ok":true,"body":NaN}`))}},
		{"RID-8", []message{asked, fromWorker(answer(2))}},
		{"RID-8", []message{asked, fromWorker(enhanced(0, `{"id":1,"ok":true,"body":1}`))}},
		{"CAN-6", []message{asked, cancelled, fromWorker(answer(1)), fromWorker(answer(1))}},
		{"WRK-20", []message{fromPool(enhanced(1, `{"id":1,"method":"health"}`)), fromWorker(enhanced(1, `{"id":1,"ok":true,"body":"fine"}`))}},
	} {
		pool, worker := l.connect(t)
		for _, m := range p.sends {
			from, to := pool, worker
			if m.sender == spec.RoleWorker {
				from, to = worker, pool
			}
			send(t, to, from, m.data)
		}
		require.NoError(t, pool.Close())
		l.awaitAll(t, tap.Closed, connection+1)
		seen := l.told(tap.ViolationSeen)
		require.Len(t, seen, connection+1, "%s, connection %d", p.clause, connection+1)
		e, last := seen[connection], p.sends[len(p.sends)-1]
		require.Equal(t, p.clause, e.Clause)
		require.Equal(t, connection+1, e.Connection)
		require.Equal(t, last.sender, e.Sender)
	}
	for _, e := range []tap.EventKind{tap.GivenUp, tap.CutOff} {
		require.Empty(t, l.told(e))
	}
}

// What follows an accused request is the pool's fault alone: its answers are right.
func TestOneFaultIsAccusedOnce(t *testing.T) {
	l := newLine(t, tap.Options{})
	pool, worker := l.connect(t)
	for _, data := range [][]byte{request(1), request(1), request(2)} {
		send(t, worker, pool, data)
	}
	for _, id := range []uint64{2, 1, 1} {
		send(t, pool, worker, answer(id))
	}
	require.NoError(t, pool.Close())
	l.awaitAll(t, tap.Closed, 1)
	require.Len(t, l.told(tap.ViolationSeen), 1)
}
