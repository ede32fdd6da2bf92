package queue

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// model is what a Queue has to do, entry by entry.
type model struct {
	base    uint64
	entries []modelEntry
	sent    int
}

type modelEntry struct {
	line  string
	entry uint64
	tried bool
}

func (m *model) tried() (n int) {
	for n < len(m.entries) && m.entries[n].tried {
		n++
	}
	return n
}

// run does to both what the bytes say, and fails where they differ.
func run(t *testing.T, ops []byte, batchBytes int) {
	q, m := New(batchBytes), &model{}
	next := uint64(0)
	for at, op := range ops {
		switch arg := int(op >> 3); op & 7 {
		case 0, 1:
			line := fmt.Sprintf("%d%s", next, strings.Repeat("x", arg))
			q.Add([]byte(line), next, false)
			m.entries = append(m.entries, modelEntry{line: line, entry: next})
			next++
			if arg == 7 {
				next++ // an entry of the spool that was never put here
			}
		case 2, 3:
			checkNext(t, q, m, arg&1 == 0)
		case 4:
			count := m.base + uint64(arg)
			n := min(arg, len(m.entries))
			if settled := q.Settle(count); settled != n {
				t.Fatalf("op %d: settled %d, want %d", at, settled, n)
			}
			m.entries, m.base, m.sent = m.entries[n:], m.base+uint64(n), max(0, m.sent-n)
		case 5:
			q.Rewind()
			m.sent = 0
		case 6:
			checkDropUnsent(t, q, m)
		case 7:
			refuse(q, m, arg)
		}
		compare(t, at, q, m)
	}
	q.Rewind()
	m.sent = 0
	for len(m.entries) > m.sent {
		checkNext(t, q, m, true)
	}
}

func checkNext(t *testing.T, q *Queue, m *model, partial bool) {
	out, ok := q.Next(partial)
	if !ok {
		if partial && m.sent < len(m.entries) {
			t.Fatalf("nothing to send, of %d entries", len(m.entries)-m.sent)
		}
		return
	}
	again, want := 0, ""
	for _, e := range m.entries[m.sent : m.sent+out.Count] {
		want += e.line + "\n"
		if e.tried {
			again++
		}
	}
	if string(out.Body) != want || out.Again != again {
		t.Fatalf("sent %q (%d again), want %q (%d again)", out.Body, out.Again, want, again)
	}
	if limit := q.Limit(); limit > 0 && len(out.Body) > limit && out.Count > 1 {
		t.Fatalf("%d entries of %d bytes, above the limit of %d", out.Count, len(out.Body), limit)
	}
	for i := range out.Count {
		m.entries[m.sent+i].tried = true
	}
	m.sent += out.Count
}

func checkDropUnsent(t *testing.T, q *Queue, m *model) {
	entry, ok := q.FirstUnsent()
	at := m.tried()
	if ok != (at < len(m.entries)) || ok && entry != m.entries[at].entry {
		t.Fatalf("the first that was never sent: %d, %v", entry, ok)
	}
	if ok {
		q.DropUnsent()
		m.entries = append(m.entries[:at:at], m.entries[at+1:]...)
	}
}

// refuse: the gateway does not take the first entry (arg odd), or so much at a time.
func refuse(q *Queue, m *model, arg int) {
	if arg&1 == 0 {
		q.Halve()
		return
	}
	q.Rewind()
	m.sent = 0
	if len(m.entries) == 0 {
		return
	}
	q.DropFirst()
	m.entries = m.entries[1:]
}

func compare(t *testing.T, at int, q *Queue, m *model) {
	if q.Base != m.base || q.Entries != len(m.entries) || q.InFlight != m.sent || q.Tried != m.tried() {
		t.Fatalf("op %d: base %d, entries %d, in flight %d, tried %d; want %d, %d, %d, %d",
			at, q.Base, q.Entries, q.InFlight, q.Tried, m.base, len(m.entries), m.sent, m.tried())
	}
	if first, ok := q.First(); ok != (len(m.entries) > 0) || ok && first != m.entries[0].entry {
		t.Fatalf("op %d: first %d, %v", at, first, ok)
	}
	bytes := 0
	for _, e := range m.entries {
		bytes += len(e.line) + 1
	}
	// lines of a batch that is settled in part stay until all of it is
	if q.Bytes < bytes || len(m.entries) == 0 && q.Bytes != 0 || m.sent == 0 && q.InFlightBytes != 0 {
		t.Fatalf("op %d: %d bytes (%d in flight), want at least %d", at, q.Bytes, q.InFlightBytes, bytes)
	}
}

func TestQueueDoesWhatASimpleModelDoes(t *testing.T) {
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 1))
		ops := make([]byte, 200)
		for i := range ops {
			ops[i] = byte(random.Uint32())
		}
		run(t, ops, 1+random.IntN(200))
	}
}

func FuzzQueue(f *testing.F) {
	f.Add([]byte{0, 8, 2, 4, 12, 5, 6, 7, 15, 2}, 40)
	f.Fuzz(func(t *testing.T, ops []byte, batchBytes int) {
		run(t, ops[:min(len(ops), 500)], 1+(batchBytes&0xff))
	})
}
