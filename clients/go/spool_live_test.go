package millrace_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	millrace "github.com/millrace/millrace/clients/go"
	"github.com/millrace/millrace/clients/go/internal/livegateway"
)

// childEnv holds what a child of TestAProcessThatIsKilled… is to do.
const childEnv = "MILLRACE_TEST_CHILD"

type childRun struct {
	Run       int
	URL       string
	Spool     string
	Transport millrace.Transport
}

func TestMain(m *testing.M) {
	if order := os.Getenv(childEnv); order != "" {
		child(order)
		return
	}
	os.Exit(m.Run())
}

// child sends until it is killed, and prints the number of each event that was taken.
func child(order string) {
	var r childRun
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	fail(json.Unmarshal([]byte(order), &r))
	c, err := millrace.Connect(context.Background(), millrace.Options{
		URL: r.URL, Transport: r.Transport, Stream: "killed-" + string(r.Transport), SpoolDir: r.Spool,
		BatchBytes: 500, BatchDelay: time.Millisecond, MaxBytes: 100_000,
		RetryMin: 5 * time.Millisecond, RetryMax: 50 * time.Millisecond,
	})
	fail(err)
	for n := 0; ; n++ {
		for !c.Send([2]int{r.Run, n}) {
			fail(c.Ready(context.Background()))
		}
		fmt.Println(n)
	}
}

// killedAfter starts a child and kills it once it has told of so many events; it returns how many it told.
func killedAfter(t *testing.T, r childRun, events int) (told int) {
	t.Helper()
	order, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childEnv+"="+string(order))
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { _ = command.Process.Kill() })
	defer timer.Stop()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if told++; told == events {
			if err := command.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	// it was killed, which Wait reports
	_ = command.Wait()
	if told < events {
		t.Fatalf("the child of run %d ended after %d events", r.Run, told)
	}
	return told
}

func TestAProcessThatIsKilledLosesNothingThatWasTaken(t *testing.T) {
	eachTransport(t, func(t *testing.T, g *livegateway.Gateway, transport millrace.Transport) {
		r := childRun{URL: g.URL, Spool: filepath.Join(t.TempDir(), "spool"), Transport: transport}
		var told []int
		for r.Run = range 6 {
			if r.Run == 3 {
				g.Kill()
			}
			told = append(told, killedAfter(t, r, 100+r.Run*777))
			if r.Run == 3 {
				g.Restart()
			}
		}
		c, h := connect(t, millrace.Options{URL: g.URL, Transport: transport, SpoolDir: r.Spool})
		closeWell(t, c)
		// a process that was killed before it had reached the gateway leaves no epoch behind
		epoch := c.Stats().Epoch
		if c.Key() != "killed-"+string(transport) || epoch < 2 || epoch > 7 || len(h.codes()) > 0 {
			t.Errorf("key %s, epoch %d, %v", c.Key(), epoch, h.codes())
		}
		checkRuns(t, g.Events(c.Key()), told)
		if left, err := filepath.Glob(filepath.Join(r.Spool, "entries-*")); err != nil || len(left) > 0 {
			t.Errorf("%v, %v", left, err)
		}
	})
}

// checkRuns: of each run in its order a first part is stored, with at least what it told.
func checkRuns(t *testing.T, events []string, told []int) {
	t.Helper()
	run, n := 0, 0
	for at, text := range events {
		if text == fmt.Sprintf("[%d,0]", run+1) {
			if n < told[run] {
				t.Fatalf("run %d: %d events are stored, %d were taken", run, n, told[run])
			}
			run, n = run+1, 0
		}
		if text != fmt.Sprintf("[%d,%d]", run, n) {
			t.Fatalf("event %d is %s, want [%d,%d]", at, text, run, n)
		}
		n++
	}
	if run != len(told)-1 || n < told[run] {
		t.Fatalf("it ends at %d of run %d", n, run)
	}
}

func TestWhatWasTakenOfflineGoesOutAfterARestart(t *testing.T) {
	g := livegateway.Start(t)
	folder := t.TempDir()
	var key string
	for n := range 3 {
		c, _ := connect(t, millrace.Options{URL: nowhere, SpoolDir: folder})
		send(t, c, n)
		key = c.Key()
		over, cancel := context.WithCancel(context.Background())
		cancel()
		var e *millrace.Error
		if err := c.Close(over); !errors.As(err, &e) || !strings.Contains(e.Message, fmt.Sprint(n+1, " events")) {
			t.Errorf("close: %v", err)
		}
	}
	c, _ := connect(t, millrace.Options{URL: g.URL, SpoolDir: folder})
	send(t, c, 3)
	closeWell(t, c)
	if found := strings.Join(g.Events(key), " "); found != "0 1 2 3" || c.Key() != key {
		t.Errorf("%s under %s", found, c.Key())
	}
}

func TestDroppedAndRefusedEventsStayOutAfterARestart(t *testing.T) {
	g := livegateway.Start(t)
	p := livegateway.NewProxy(t, g.URL)
	p.Silence(true)
	folder := t.TempDir()
	o := millrace.Options{
		URL: p.URL, SpoolDir: folder, MaxBytes: 35, Overflow: millrace.DropOldest, Transport: millrace.Post,
		ConnectTimeout: 50 * time.Millisecond,
	}
	c, _ := connect(t, o)
	offerTen(c)
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Close(over); err == nil {
		t.Error("nothing is left")
	}
	p.Silence(false)
	o.MaxBytes = 10_000
	c, h := connect(t, o)
	if stats := c.Stats(); stats.Pending != 5 || stats.Taken != 5 {
		t.Errorf("%+v", stats)
	}
	c.SendJSON(deep())
	send(t, c, 100_010)
	closeWell(t, c)
	want := []string{"100005", "100006", "100007", "100008", "100009", "100010"}
	if found := g.Events(c.Key()); !slices.Equal(found, want) {
		t.Errorf("%v, %v", found, h.codes())
	}
}

func TestASpoolOfAnotherStreamOrInUseIsAnError(t *testing.T) {
	folder := t.TempDir()
	c, _ := connect(t, millrace.Options{URL: nowhere, SpoolDir: folder, Stream: "a"})
	for _, want := range []string{"open already", `it is of stream "a", not of "b"`} {
		_, err := millrace.Connect(context.Background(), millrace.Options{URL: nowhere, SpoolDir: folder, Stream: "b"})
		var e *millrace.Error
		if !errors.As(err, &e) || e.Code != millrace.CodeSpool || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		closeWell(t, c)
	}
}

func TestAStreamThatHasMoreThanTheSpoolKnowsIsLeftAlone(t *testing.T) {
	g := livegateway.Start(t)
	folder := t.TempDir()
	c, _ := connect(t, millrace.Options{URL: g.URL, SpoolDir: folder, Stream: "mine"})
	send(t, c, 0)
	closeWell(t, c)
	g.Post("stream=mine", "1 2 3")
	c, h := connect(t, millrace.Options{URL: g.URL, SpoolDir: folder, Stream: "mine"})
	send(t, c, "ours")
	closeWell(t, c)
	if found := g.Events(c.Key()); !strings.HasPrefix(c.Key(), "mine.") || !slices.Equal(found, []string{`"ours"`}) {
		t.Errorf("%s: %v", c.Key(), found)
	}
	if h.first(millrace.CodeForeign) == nil {
		t.Errorf("%v", h.codes())
	}
}
