package queue

import "bytes"

// leastRoom of a new batch, bytes
const leastRoom = 4096

type batch struct {
	// body: lines; the first stale of them are settled already
	body   []byte
	sealed bool
	// entry is the number in the spool of the first entry
	entry uint64
	count int
	stale int
}

func (b *batch) add(line []byte, most int) {
	size := len(line) + 1
	if have := cap(b.body); have-len(b.body) < size {
		// by doubling, and not above what a full batch takes
		room := max(min(2*have, most), len(b.body)+size)
		b.body = append(make([]byte, 0, room), b.body...)
	}
	b.body = append(append(b.body, line...), '\n')
	b.count++
}

// seal lets nothing more in, and gives back room that is not used; it returns what to make the next batch for.
func (b *batch) seal() int {
	b.sealed = true
	room := cap(b.body)
	if used := len(b.body); used < room-room/8 {
		b.body = append(make([]byte, 0, used), b.body...)
	}
	for ; room > leastRoom && len(b.body) < room/2; room /= 2 {
	}
	return room
}

// cutStale takes out what was settled while it was under way, and returns its size.
func (b *batch) cutStale() int {
	if b.stale == 0 {
		return 0
	}
	n := b.stale
	b.stale = 0
	return b.cut(n)
}

// cut takes the first n lines out of the body and returns their size.
func (b *batch) cut(n int) int {
	at := 0
	for range n {
		at += bytes.IndexByte(b.body[at:], '\n') + 1
	}
	b.body = b.body[at:]
	return at
}

func (b *batch) halves() (first, second *batch) {
	n := b.count / 2
	rest := *b
	size := rest.cut(n)
	rest.entry += uint64(n)
	rest.count -= n
	return &batch{body: b.body[:size:size], sealed: true, entry: b.entry, count: n}, &rest
}
