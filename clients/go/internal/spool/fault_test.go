package spool

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestASpoolThatCannotBeReadIsAnErrorThatSaysWhatToDo(t *testing.T) {
	const state = `{"version":1,"key":"k","epoch":1,"entry":4,"position":0}`
	segment := "entries-00000000000000000004.ndjson"
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a newer version":  {map[string]string{"state.json": `{"version":2}`}, "version 2, this client knows 1"},
		"no JSON":          {map[string]string{"state.json": `{"version`}, "not the state of a spool"},
		"an empty state":   {map[string]string{"state.json": ``}, "not the state of a spool"},
		"a wrong number":   {map[string]string{"state.json": strings.Replace(state, "4", "-4", 1)}, "not the state"},
		"a missing number": {map[string]string{"state.json": `{"version":1,"key":"k"}`}, "is no whole number"},
		"no key":           {map[string]string{"state.json": strings.Replace(state, "key", "x", 1)}, "there is no key"},
		"a hole before it": {map[string]string{"state.json": state, "entries-00000000000000000009.ndjson": "1\n"},
			"entries 4 to 8 should come before it"},
		"a hole inside": {map[string]string{"state.json": state, segment: "1\n2\n",
			"entries-00000000000000000009.ndjson": "1\n"}, "its entries end before 6, the next segment begins at 9"},
		"an empty line": {map[string]string{"state.json": state, segment: "1\n\n2\n"}, "empty line"},
		"no UTF-8":      {map[string]string{"state.json": state, segment: "\"\xff\"\n"}, "not UTF-8"},
		"a wrong drop":  {map[string]string{"state.json": state, segment: "1\n", "drops": "4 x\n"}, `"4 x" is not of`},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			for file, text := range c.files {
				write(t, folder, file, text)
			}
			_, _, err := Open(folder, 0)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "folder") {
				t.Fatalf("%v, want %q", err, c.want)
			}
			for file, text := range c.files {
				same(t, file, read(t, folder, file), text)
			}
			if _, err := os.Stat(filepath.Join(folder, "lock")); !os.IsNotExist(err) {
				t.Errorf("the lock stays: %v", err)
			}
		})
	}
}

func TestAFolderThatIsAFileIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, filepath.Dir(path), "file", "")
	if _, _, err := Open(path, 0); err == nil || !strings.Contains(err.Error(), "it has to be a folder") {
		t.Fatal(err)
	}
}

func TestASpoolHasOneOwnerInAProcess(t *testing.T) {
	folder := t.TempDir()
	s, _ := open(t, folder)
	if _, _, err := Open(folder, 0); err == nil || !strings.Contains(err.Error(), "open already") {
		t.Fatal(err)
	}
	s.Close()
	s, _ = open(t, folder)
	s.Close()
}

func TestASpoolHasOneOwnerAmongProcesses(t *testing.T) {
	folder := t.TempDir()
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Skip("there is no sleep:", err)
	}
	pid := strconv.Itoa(other.Process.Pid)
	write(t, folder, "lock", pid+"\n")
	if _, _, err := Open(folder, 0); err == nil || !strings.Contains(err.Error(), "process "+pid+" has the spool open") {
		t.Error(err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// it was killed, which Wait reports
	_ = other.Wait()
	s, _ := open(t, folder)
	same(t, "lock", read(t, folder, "lock"), strconv.Itoa(os.Getpid())+"\n")
	s.Close()
	if _, err := os.Stat(filepath.Join(folder, "lock")); !os.IsNotExist(err) {
		t.Errorf("the lock stays: %v", err)
	}
}

func TestAnEmptyLockIsStale(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "lock", "")
	s, _ := open(t, folder)
	s.Close()
}

func TestAnEntryThatCannotBeWrittenLeavesNothingBehind(t *testing.T) {
	folder := t.TempDir()
	s := begin(t, folder, "0")
	good := s.segments.file
	broken, err := os.Open(good.Name()) // for reading only
	if err != nil {
		t.Fatal(err)
	}
	s.segments.file = broken
	if err := s.Append([]byte("1")); err == nil {
		t.Error("an entry that was not written is taken")
	}
	broken.Close()
	s.segments.file = good
	appendAll(t, s, "2")
	s.release()
	same(t, "lines", contentOf(t, folder).lines, []string{"0", "2"})
}
