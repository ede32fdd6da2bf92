package spool

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var begun = State{Key: "orders", Epoch: 3, Position: 10}

type content struct {
	state   *State
	entries []uint64
	lines   []string
	next    uint64
}

func open(t *testing.T, folder string) (*Spool, content) {
	t.Helper()
	s, state, err := Open(folder, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := content{state: state, next: s.Next()}
	err = s.Entries(func(entry uint64, line []byte) {
		found.entries = append(found.entries, entry)
		found.lines = append(found.lines, string(line))
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, found
}

func contentOf(t *testing.T, folder string) content {
	t.Helper()
	s, found := open(t, folder)
	s.release()
	return found
}

// begin opens a spool, begins and appends.
func begin(t *testing.T, folder string, lines ...string) *Spool {
	t.Helper()
	s, _ := open(t, folder)
	if err := s.Begin(begun); err != nil {
		t.Fatal(err)
	}
	appendAll(t, s, lines...)
	return s
}

func appendAll(t *testing.T, s *Spool, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if err := s.Append([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
}

func drop(t *testing.T, s *Spool, entry, count uint64) {
	t.Helper()
	if err := s.Drop(entry, count); err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func files(t *testing.T, folder string) (found []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "entries-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		found = append(found, strings.TrimLeft(path[len(path)-20-len(".ndjson"):len(path)-len(".ndjson")], "0"))
	}
	return found
}

func read(t *testing.T, folder, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, folder, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const firstSegment = "entries-00000000000000000000.ndjson"

func TestASpoolIsNewWhereThereIsNothing(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a", "b")
	s, found := open(t, folder)
	same(t, "content", found, content{})
	appendAll(t, s, "1")
	for path, mode := range map[string]os.FileMode{"": 0o700, firstSegment: 0o600, "lock": 0o600} {
		info, err := os.Stat(filepath.Join(folder, path))
		if err != nil {
			t.Fatal(err)
		}
		same(t, "mode of "+path, info.Mode().Perm(), mode)
	}
	s.Close()
	same(t, "entries that came before Begin", contentOf(t, folder).lines, []string{"1"})
}

func TestASpoolGivesBackWhatWasAppendedByteForByte(t *testing.T) {
	folder := t.TempDir()
	lines := []string{`{"a":"ä€😀\u0000"}`, "\"\ufeff\"", `"` + strings.Repeat("ß", 200_000) + `"`, "0"}
	begin(t, folder, lines...).Close()
	found := contentOf(t, folder)
	same(t, "lines", found.lines, lines)
	same(t, "state", *found.state, begun)
	same(t, "next", found.next, uint64(4))
}

func TestAnEntryIsInItsFileWhenAppendReturns(t *testing.T) {
	folder := t.TempDir()
	s := begin(t, folder, `{"n":1}`)
	same(t, "file", read(t, folder, firstSegment), "{\"n\":1}\n")
	same(t, "state", read(t, folder, "state.json"),
		`{"version":1,"key":"orders","epoch":3,"entry":0,"position":10}`+"\n")
	s.release()
}

func TestCloseKeepsWhatWasSettledAndLeavesNoSegmentWhereAllIs(t *testing.T) {
	folder := t.TempDir()
	s := begin(t, folder, "0", "1", "2")
	s.Settle(2, 12)
	s.Close()
	s, found := open(t, folder)
	same(t, "entries", found.entries, []uint64{2})
	same(t, "state", *found.state, State{"orders", 3, 2, 12})
	s.Settle(3, 13)
	s.Close()
	same(t, "segments", files(t, folder), []string(nil))
	s, found = open(t, folder)
	same(t, "next", found.next, uint64(3))
	appendAll(t, s, "3")
	same(t, "segments", files(t, folder), []string{"3"})
	s.release()
}

func TestASegmentEndsAt4MiBAndGoesOnceItIsSettled(t *testing.T) {
	folder := t.TempDir()
	s := begin(t, folder)
	line := `"` + strings.Repeat("x", 1<<20) + `"`
	appendAll(t, s, line, line, line, line, line, line, line, line, line)
	same(t, "segments", files(t, folder), []string{"", "4", "8"})
	before := read(t, folder, "state.json")
	s.Settle(3, 13)
	same(t, "state while no segment can go", read(t, folder, "state.json"), before)
	s.Settle(7, 17)
	same(t, "segments", files(t, folder), []string{"4", "8"})
	s.release()
	found := contentOf(t, folder)
	same(t, "entries", found.entries, []uint64{7, 8})
	same(t, "position", found.state.Position, uint64(17))
}

func TestDropsAreLeftOut(t *testing.T) {
	folder := t.TempDir()
	s := begin(t, folder, "0", "1", "2", "3", "4", "5", "6", "7")
	drop(t, s, 2, 2)
	drop(t, s, 4, 1)
	drop(t, s, 7, 1)
	same(t, "drops", read(t, folder, "drops"), "2 2\n4 1\n7 1\n")
	s.release()
	found := contentOf(t, folder)
	same(t, "entries", found.entries, []uint64{0, 1, 5, 6})
	same(t, "next", found.next, uint64(8))
}

func TestDropsOfTheOldestEntriesCountAsSettled(t *testing.T) {
	folder := t.TempDir()
	s := begin(t, folder)
	line := `"` + strings.Repeat("x", 1<<20) + `"`
	appendAll(t, s, line, line, line, line, line, line)
	for entry := range uint64(5) {
		drop(t, s, entry, 1)
	}
	same(t, "segments", files(t, folder), []string{"4"})
	s.Close()
	same(t, "state", *contentOf(t, folder).state, State{"orders", 3, 5, 10})
}

func TestTheFileOfDropsStaysShort(t *testing.T) {
	folder := t.TempDir()
	s := begin(t, folder, "0")
	for entry := range uint64(20_000) {
		appendAll(t, s, "1")
		drop(t, s, entry+1, 1)
	}
	if size := len(read(t, folder, "drops")); size > dropsMost*10 {
		t.Errorf("%d bytes", size)
	}
	s.Close()
	same(t, "lines", contentOf(t, folder).lines, []string{"0"})
}

func TestALineThatWasNotFinishedIsCutOff(t *testing.T) {
	folder := t.TempDir()
	s := begin(t, folder, "0", "1", "2")
	drop(t, s, 1, 1)
	s.release()
	write(t, folder, firstSegment, read(t, folder, firstSegment)+`{"torn":`)
	write(t, folder, "drops", read(t, folder, "drops")+"2")
	s, found := open(t, folder)
	same(t, "lines", found.lines, []string{"0", "2"})
	appendAll(t, s, "3")
	drop(t, s, 2, 1)
	s.release()
	same(t, "lines", contentOf(t, folder).lines, []string{"0", "3"})
}

func TestNumbersThatAPowerCutTookGoToNewEntries(t *testing.T) {
	folder := t.TempDir()
	s := begin(t, folder, "0", "1", "2", "3", "4")
	drop(t, s, 3, 2)
	s.release()
	write(t, folder, firstSegment, "0\n1\n2\n")
	s, found := open(t, folder)
	same(t, "next", found.next, uint64(3))
	appendAll(t, s, "new 3", "new 4")
	s.Settle(5, 15)
	s.Close()
	write(t, folder, "entries-00000000000000000002.ndjson", "2\n")
	found = contentOf(t, folder)
	same(t, "next", found.next, uint64(5))
	same(t, "entries", len(found.entries), 0)
}

func TestAnyPrefixOfTheFilesIsASpoolOfTheFirstEntries(t *testing.T) {
	folder := t.TempDir()
	var lines []string
	for n := range 20 {
		lines = append(lines, fmt.Sprintf(`{"n":%d}`, n))
	}
	begin(t, folder, lines...).release()
	whole := read(t, folder, firstSegment)
	for size := range len(whole) {
		write(t, folder, firstSegment, whole[:size])
		n := bytes.Count([]byte(whole[:size]), []byte("\n"))
		if found := contentOf(t, folder); len(found.lines) != n || found.next != uint64(n) {
			t.Fatalf("%d bytes: %d lines, want %d", size, len(found.lines), n)
		}
	}
}
