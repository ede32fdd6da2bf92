// Package queue holds what was taken and is not settled, in order: batches of entries, the first of which has position
// Base.
//
//	| sent on this connection | sent before, to be sent again | never sent |
//	0 ───────────────────── cursor ───────────────────────── tried ──── len(batches)
//
// Only what was never sent may be dropped. Positions are not kept but counted, so that leaving out an entry moves all
// behind it. A Queue does not lock; the bytes of a batch never change once it was handed out.
package queue

import "slices"

// A Queue is made by New. The fields are to be read only, but for Base while nothing is in flight.
type Queue struct {
	// Base is the position of the first entry.
	Base uint64
	// Entries and Bytes of JSON text, line feeds included.
	Entries, Bytes int
	// InFlight counts the entries that this connection has sent without an ack.
	InFlight, InFlightBytes int
	// Tried counts the entries that were ever sent.
	Tried int

	batches    []*batch
	cursor     int
	tried      int
	batchBytes int
	// hint is the room that the next batch begins with
	hint int
	// limit: no batch is made larger, 0 for none; a gateway may take less than we would send at a time
	limit int
}

// An Outgoing batch is a run of lines, each with its LF.
type Outgoing struct {
	Body  []byte
	Count int
	// Again counts the entries of it that were sent on another connection before.
	Again int
}

// New makes an empty queue whose batches are full at batchBytes.
func New(batchBytes int) *Queue {
	return &Queue{batchBytes: batchBytes, hint: leastRoom}
}

// Add copies a line (without LF) behind all others, and tells whether a batch became full by it. entry is its number in
// the spool; wasSent: it may have been sent by an earlier process.
func (q *Queue) Add(line []byte, entry uint64, wasSent bool) (full bool) {
	size := len(line) + 1
	last := q.last()
	if last == nil || last.sealed || len(last.body)+size > q.batchBytes || last.entry+uint64(last.count) != entry ||
		!wasSent && q.tried == len(q.batches) {
		full = last != nil && !last.sealed
		q.seal(last)
		last = &batch{entry: entry, body: make([]byte, 0, max(size, min(q.hint, q.batchBytes)))}
		q.batches = append(q.batches, last)
	}
	last.add(line, q.batchBytes)
	q.Entries++
	q.Bytes += size
	if wasSent {
		q.tried = len(q.batches)
		q.Tried++
	}
	return full
}

// Next is the next batch to send on this connection, marked as sent; partial: also one that is not full.
func (q *Queue) Next(partial bool) (Outgoing, bool) {
	if q.cursor == len(q.batches) || !partial && !q.batches[q.cursor].sealed {
		return Outgoing{}, false
	}
	b := q.batches[q.cursor]
	q.seal(b)
	q.Bytes -= b.cutStale()
	for q.limit > 0 && len(b.body) > q.limit && b.count > 1 {
		b = q.split(q.cursor)
	}
	out := Outgoing{Body: b.body, Count: b.count}
	if q.cursor < q.tried {
		out.Again = b.count
	}
	q.cursor++
	if q.cursor > q.tried {
		q.tried = q.cursor
		q.Tried += b.count
	}
	q.InFlight += b.count
	q.InFlightBytes += len(b.body)
	return out, true
}

// NextSize is about the size of what Next gives: never less.
func (q *Queue) NextSize() int {
	if q.cursor == len(q.batches) {
		return 0
	}
	return len(q.batches[q.cursor].body)
}

// Settle forgets all below count, and tells how many entries these were.
func (q *Queue) Settle(count uint64) int {
	before := q.Entries
	for len(q.batches) > 0 && q.Base < count {
		b := q.batches[0]
		n := int(min(uint64(b.count), count-q.Base))
		if n == b.count {
			q.remove(0)
		} else {
			q.seal(b)
			b.stale += n
			b.entry += uint64(n)
			b.count -= n
			q.left(0, n, 0)
		}
		q.Base += uint64(n)
	}
	return before - q.Entries
}

// Rewind is for a new connection: all is to be sent again, from Base on.
func (q *Queue) Rewind() {
	q.cursor, q.InFlight, q.InFlightBytes = 0, 0, 0
}

// FirstUnsent is the number of the oldest entry that was never sent.
func (q *Queue) FirstUnsent() (entry uint64, ok bool) {
	if q.tried == len(q.batches) {
		return 0, false
	}
	return q.batches[q.tried].entry, true
}

// DropUnsent drops the entry that FirstUnsent names.
func (q *Queue) DropUnsent() { q.dropFrontOf(q.tried) }

// First is the number of the entry at Base.
func (q *Queue) First() (entry uint64, ok bool) {
	if len(q.batches) == 0 {
		return 0, false
	}
	return q.batches[0].entry, true
}

// DropFirst drops the entry at Base; nothing may be in flight.
func (q *Queue) DropFirst() { q.dropFrontOf(0) }

// Halve is for a gateway that found what is in flight too much at a time. It returns false where that is one entry.
func (q *Queue) Halve() bool {
	if q.InFlight <= 1 {
		return false
	}
	q.limit = max(1, q.InFlightBytes/2)
	return true
}

// Limit is the most bytes to send at a time; 0: any.
func (q *Queue) Limit() int { return q.limit }

func (q *Queue) last() *batch {
	if len(q.batches) == 0 {
		return nil
	}
	return q.batches[len(q.batches)-1]
}

func (q *Queue) seal(b *batch) {
	if b == nil || b.sealed {
		return
	}
	q.hint = b.seal()
}

func (q *Queue) dropFrontOf(at int) {
	b := q.batches[at]
	q.Bytes -= b.cutStale()
	if b.count == 1 {
		q.remove(at)
		return
	}
	b.entry++
	b.count--
	q.left(at, 1, b.cut(1))
}

func (q *Queue) remove(at int) {
	b := q.batches[at]
	q.left(at, b.count, len(b.body))
	// those before it are few: what is in flight
	copy(q.batches[1:at+1], q.batches[:at])
	q.batches[0] = nil
	q.batches = q.batches[1:]
	if at < q.tried {
		q.tried--
	}
	if at < q.cursor {
		q.cursor--
	}
}

// left: count entries with size bytes are no longer in the batch.
func (q *Queue) left(at, count, size int) {
	q.Entries -= count
	q.Bytes -= size
	if at < q.tried {
		q.Tried -= count
	}
	if at < q.cursor {
		q.InFlight -= count
		q.InFlightBytes -= size
	}
}

// split cuts a batch in two and returns the first half.
func (q *Queue) split(at int) *batch {
	first, second := q.batches[at].halves()
	q.batches[at] = first
	q.batches = slices.Insert(q.batches, at+1, second)
	if at < q.tried {
		q.tried++
	}
	return first
}
