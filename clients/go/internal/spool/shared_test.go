package spool

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/millrace/millrace/clients/go/internal/livegateway"
)

// The format is one for all languages: what the TypeScript client left, this one goes on with, and the other way round.
const script = `
const { fileSpool } = await import(process.argv[1])
const spool = fileSpool(process.argv[2])
const { state, entries, next } = spool.open()
const found = { state, entries: entries.map(({ entry, line }) => [entry, line]), next }
spool.begin({ key: 'shared', epoch: (state?.epoch ?? 0) + 1, entry: entries[0]?.entry ?? next, position: 5 })
for (const line of ['{"by":"ts"}', '"ä"', '3']) spool.append(line)
spool.drop(next + 1, 1)
process.stdout.write(JSON.stringify(found))
process.kill(process.pid, 'SIGKILL')
`

type found struct {
	State   *struct{ Epoch, Entry, Position uint64 }
	Entries [][2]any
	Next    uint64
}

func typescript(t *testing.T, folder string) (f found) {
	t.Helper()
	root, node := livegateway.Root(t)
	file := filepath.Join(root, "clients/ts/src/file.ts")
	out, err := exec.Command(node, "--input-type=module", "-e", script, file, folder).Output()
	if len(out) == 0 {
		t.Fatalf("the TypeScript client says nothing: %v", err)
	}
	if err := json.Unmarshal(out, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestASpoolIsSharedWithTheTypeScriptClient(t *testing.T) {
	folder := t.TempDir()
	same(t, "a new one", typescript(t, folder).Next, uint64(0))
	s, c := open(t, folder)
	same(t, "what TypeScript left", c.lines, []string{`{"by":"ts"}`, "3"})
	same(t, "its state", *c.state, State{"shared", 1, 0, 5})
	if err := s.Begin(State{"shared", 2, 0, 5}); err != nil {
		t.Fatal(err)
	}
	appendAll(t, s, `{"by":"go"}`)
	drop(t, s, 0, 1)
	s.Close()
	f := typescript(t, folder)
	same(t, "what Go left", f.Entries, [][2]any{{2.0, "3"}, {3.0, `{"by":"go"}`}})
	same(t, "its state", f.State.Epoch, uint64(2))
	same(t, "its entry", f.State.Entry, uint64(1))
	same(t, "what both left", contentOf(t, folder).entries, []uint64{2, 3, 4, 6})
}
