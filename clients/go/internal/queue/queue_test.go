package queue

import (
	"bytes"
	"runtime"
	"testing"
)

func TestABatchIsFullAtItsSize(t *testing.T) {
	q := New(10)
	for n, want := range []bool{false, false, true, false, true} {
		if full := q.Add([]byte("1234"), uint64(n), false); full != want {
			t.Errorf("entry %d: full %v", n, full)
		}
	}
	out, ok := q.Next(false)
	if !ok || string(out.Body) != "1234\n1234\n" {
		t.Fatalf("%q", out.Body)
	}
}

func TestWhatIsNotFullWaitsUntilItIsDue(t *testing.T) {
	q := New(100)
	q.Add([]byte("1"), 0, false)
	if _, ok := q.Next(false); ok {
		t.Fatal("a batch that is not full goes out")
	}
	if out, ok := q.Next(true); !ok || out.Count != 1 {
		t.Fatal("a batch that is due does not go out")
	}
}

func TestAnEntryLargerThanABatchGoesAlone(t *testing.T) {
	q := New(10)
	q.Add([]byte("1"), 0, false)
	q.Add(bytes.Repeat([]byte("2"), 50), 1, false)
	q.Add([]byte("3"), 2, false)
	for _, want := range []int{2, 51, 2} {
		if out, _ := q.Next(true); len(out.Body) != want {
			t.Fatalf("%d bytes, want %d", len(out.Body), want)
		}
	}
}

func TestWhatWasSentIsNeverDropped(t *testing.T) {
	q := New(4)
	for n := range uint64(3) {
		q.Add([]byte("123"), n, false)
	}
	q.Next(true)
	q.Next(true)
	q.Rewind()
	if entry, ok := q.FirstUnsent(); !ok || entry != 2 {
		t.Fatalf("%d, %v", entry, ok)
	}
	q.DropUnsent()
	if _, ok := q.FirstUnsent(); ok || q.Entries != 2 {
		t.Fatalf("%d entries are left", q.Entries)
	}
}

func TestAnEntryThatIsTooLargeAloneCannotBeHalved(t *testing.T) {
	q := New(100)
	for n := range uint64(4) {
		q.Add([]byte("1234"), n, false)
	}
	for _, want := range []int{4, 2, 1} {
		q.Rewind()
		out, _ := q.Next(true)
		if out.Count != want {
			t.Fatalf("%d entries at a time, want %d", out.Count, want)
		}
		if halved := q.Halve(); halved != (want > 1) {
			t.Fatalf("%d entries: halved %v", want, halved)
		}
	}
}

func TestABacklogTakesLittleMoreThanItsText(t *testing.T) {
	const events = 200_000
	line := bytes.Repeat([]byte("x"), 149)
	before := heap()
	q := New(64 * 1024)
	for n := range uint64(events) {
		q.Add(line, n, false)
	}
	used := heap() - before
	if most := uint64(q.Bytes) * 105 / 100; used > most {
		t.Errorf("%d bytes for %d of text", used, q.Bytes)
	}
	runtime.KeepAlive(q)
}

func TestSmallBatchesGiveBackTheRoomTheyDoNotUse(t *testing.T) {
	const batches = 2000
	before := heap()
	q := New(64 * 1024)
	for n := range uint64(batches) {
		q.Add(bytes.Repeat([]byte("x"), 149), n, false)
		q.Next(true)
	}
	if used := heap() - before; used > 4*uint64(q.Bytes) {
		t.Errorf("%d bytes for %d of text", used, q.Bytes)
	}
	runtime.KeepAlive(q)
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func BenchmarkAdd(b *testing.B) {
	line := bytes.Repeat([]byte("x"), 149)
	q := New(64 * 1024)
	b.SetBytes(150)
	b.ReportAllocs()
	for n := range b.N {
		if q.Add(line, uint64(n), false) {
			q.Next(false)
		}
		if q.Entries > 100_000 {
			q.Settle(q.Base + 50_000)
		}
	}
}
