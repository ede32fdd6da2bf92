package millrace_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	millrace "github.com/millrace/millrace/clients/go"
	"github.com/millrace/millrace/clients/go/internal/livegateway"
)

// patience of what must happen at last
const patience = 30 * time.Second

func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// heard collects what a client reports.
type heard struct {
	mu     sync.Mutex
	events []millrace.Event
}

func (h *heard) listen(e millrace.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

// codes of errors, with a ! where they were the end.
func (h *heard) codes() (codes []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		if e.Kind == millrace.EventError && e.Fatal {
			codes = append(codes, e.Err.Code+"!")
		} else if e.Kind == millrace.EventError {
			codes = append(codes, e.Err.Code)
		}
	}
	return codes
}

// connect makes a client that tries again soon, and is closed after the test.
func connect(t testing.TB, o millrace.Options) (*millrace.Client, *heard) {
	t.Helper()
	h := &heard{}
	if o.OnEvent == nil {
		o.OnEvent = h.listen
	}
	if o.RetryMin == 0 {
		o.RetryMin, o.RetryMax = 10*time.Millisecond, 200*time.Millisecond
	}
	c, err := millrace.Connect(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		over, cancel := context.WithCancel(context.Background())
		cancel()
		// what is left of a test that failed is of no interest
		_ = c.Close(over)
		checkInvariant(t, c)
	})
	return c, h
}

func checkInvariant(t testing.TB, c *millrace.Client) {
	t.Helper()
	s := c.Stats()
	dropped := s.Dropped[millrace.ReasonOldest] + s.Dropped[millrace.ReasonBadEvent] + s.Dropped[millrace.ReasonClosed]
	if s.Taken != s.Acked+uint64(s.Pending)+dropped {
		t.Errorf("taken is not acknowledged + pending + dropped: %+v", s)
	}
}

// send waits for room.
func send(t testing.TB, c *millrace.Client, event any) {
	t.Helper()
	for !c.Send(event) {
		if err := c.Ready(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
}

func numbered(n int) map[string]int { return map[string]int{"n": n} }

func closeWell(t testing.TB, c *millrace.Client) {
	t.Helper()
	if err := c.Close(soon(t)); err != nil {
		t.Fatalf("%v; %+v", err, c.Stats())
	}
}

// isExactly: the stream has the numbers from 0 on, each once and in order.
func isExactly(t testing.TB, g *livegateway.Gateway, key string, events int) {
	t.Helper()
	found := g.Events(key)
	if len(found) != events {
		t.Errorf("%d events are stored, want %d", len(found), events)
	}
	for n, text := range found {
		if want := fmt.Sprintf(`{"n":%d}`, n); text != want {
			t.Fatalf("event %d is %s", n, text)
		}
	}
}

// until waits for something that is not told otherwise.
func until(t testing.TB, what string, isSo func() bool) {
	t.Helper()
	for ctx := soon(t); !isSo(); {
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

var transports = []millrace.Transport{millrace.WebSocket, millrace.Post}

func eachTransport(t *testing.T, run func(*testing.T, *livegateway.Gateway, millrace.Transport)) {
	g := livegateway.Start(t)
	for _, transport := range transports {
		t.Run(string(transport), func(t *testing.T) { run(t, g, transport) })
	}
}
