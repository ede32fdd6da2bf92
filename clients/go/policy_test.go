package millrace_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	millrace "github.com/millrace/millrace/clients/go"
	"github.com/millrace/millrace/clients/go/internal/livegateway"
)

// nowhere is a gateway that does not answer.
const nowhere = "http://127.0.0.1:1"

// ten events of 7 bytes, line feed included, are to find room for five
func offerTen(c *millrace.Client) (taken []bool) {
	for n := range 10 {
		taken = append(taken, c.Send(100_000+n))
	}
	return taken
}

func TestRefuseTakesWhatFitsAndReadyWaitsForRoom(t *testing.T) {
	g := livegateway.Start(t)
	p := livegateway.NewProxy(t, g.URL)
	p.Silence(true)
	c, _ := connect(t, millrace.Options{URL: p.URL, MaxBytes: 35, ConnectTimeout: 50 * time.Millisecond})
	taken := offerTen(c)
	if !slices.Equal(taken, []bool{true, true, true, true, true, false, false, false, false, false}) {
		t.Errorf("%v", taken)
	}
	if s := c.Stats(); s.Refused != 5 || s.Pending != 5 || s.PendingBytes != 35 {
		t.Errorf("%+v", s)
	}
	_, err := c.Write([]byte("1"))
	var e *millrace.Error
	if !errors.As(err, &e) || e.Code != millrace.CodeFull {
		t.Errorf("write: %v", err)
	}
	p.Silence(false)
	if err := c.Ready(soon(t)); err != nil || !c.Send(1) {
		t.Errorf("no room after Ready: %v", err)
	}
}

func TestDropNewestLosesWhatDoesNotFit(t *testing.T) {
	c, h := connect(t, millrace.Options{URL: nowhere, MaxBytes: 35, Overflow: millrace.DropNewest})
	if taken := offerTen(c); slices.Index(taken, false) != 5 {
		t.Errorf("%v", taken)
	}
	if s := c.Stats(); s.Refused != 0 || s.Taken != 5 || s.Dropped[millrace.ReasonNewest] != 5 {
		t.Errorf("%+v", s)
	}
	until(t, "the drops are reported", func() bool { return h.dropped(millrace.ReasonNewest) == 5 })
}

func TestDropOldestLosesWhatWasNeverSent(t *testing.T) {
	g := livegateway.Start(t)
	p := livegateway.NewProxy(t, g.URL)
	p.Silence(true)
	c, h := connect(t, millrace.Options{
		URL: p.URL, MaxBytes: 35, Overflow: millrace.DropOldest, ConnectTimeout: 50 * time.Millisecond,
	})
	if taken := offerTen(c); slices.Contains(taken, false) {
		t.Errorf("%v", taken)
	}
	if s := c.Stats(); s.Taken != 10 || s.Pending != 5 || s.Dropped[millrace.ReasonOldest] != 5 {
		t.Errorf("%+v", s)
	}
	p.Silence(false)
	closeWell(t, c)
	want := []string{"100005", "100006", "100007", "100008", "100009"}
	if found := g.Events(c.Key()); !slices.Equal(found, want) {
		t.Errorf("%v", found)
	}
	if dropped := h.dropped(millrace.ReasonOldest); dropped != 5 {
		t.Errorf("%d drops are reported", dropped)
	}
}

func TestDropOldestDoesNotDropWhatMayHaveArrived(t *testing.T) {
	g := livegateway.Start(t)
	p := livegateway.NewProxy(t, g.URL)
	c, _ := connect(t, millrace.Options{
		URL: p.URL, MaxBytes: 35, Overflow: millrace.DropOldest, BatchDelay: time.Millisecond,
		AckTimeout: 100 * time.Millisecond, ConnectTimeout: 100 * time.Millisecond,
	})
	until(t, "it is open", func() bool { return c.Stats().State == millrace.Open })
	p.Silence(true)
	for n := range 5 {
		send(t, c, 100_000+n)
	}
	until(t, "the connection is given up", func() bool { return c.Stats().State != millrace.Open })
	if c.Send(100_005) {
		t.Error("an event is taken in place of one that was sent")
	}
	if s := c.Stats(); s.Dropped[millrace.ReasonNewest] != 1 || s.Dropped[millrace.ReasonOldest] != 0 {
		t.Errorf("%+v", s)
	}
	p.Silence(false)
	closeWell(t, c)
	if count := g.Count(c.Key()); count != 5 {
		t.Errorf("%d events are stored", count)
	}
}

// dropped counts what was reported.
func (h *heard) dropped(reason millrace.DropReason) (events uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		if e.Kind == millrace.EventDrop && e.Reason == reason {
			events += e.Events
		}
	}
	return events
}

func TestSendRefusesWhatIsNotOneEvent(t *testing.T) {
	c, h := connect(t, millrace.Options{URL: nowhere, MaxEventBytes: 20})
	for _, event := range []any{make(chan int), func() {}, map[string]any{"a": make(chan int)}, strings.Repeat("x", 19)} {
		if c.Send(event) {
			t.Errorf("%T is taken", event)
		}
	}
	for _, text := range []string{"", "1 2", "{", "\"\xff\"", "\"" + strings.Repeat("x", 19) + "\""} {
		if c.SendJSON([]byte(text)) {
			t.Errorf("%q is taken", text)
		}
	}
	if s := c.Stats(); s.Refused != 9 || s.Taken != 0 {
		t.Errorf("%+v", s)
	}
	until(t, "each is reported", func() bool { return len(h.codes()) >= 9 && !slices.Contains(h.codes(), "full") })
}

// deep is more than the gateway takes.
func deep() []byte {
	return append(bytes.Repeat([]byte("["), 1000), bytes.Repeat([]byte("]"), 1000)...)
}

func TestARefusedEventIsLeftOutAndReported(t *testing.T) {
	eachTransport(t, func(t *testing.T, g *livegateway.Gateway, transport millrace.Transport) {
		c, h := connect(t, millrace.Options{URL: g.URL, Transport: transport})
		send(t, c, 0)
		if !c.SendJSON(deep()) {
			t.Fatal("only the gateway refuses it")
		}
		send(t, c, 2)
		closeWell(t, c)
		if found := g.Events(c.Key()); !slices.Equal(found, []string{"0", "2"}) {
			t.Errorf("%v", found)
		}
		if s := c.Stats(); s.Acked != 2 || s.Dropped[millrace.ReasonBadEvent] != 1 {
			t.Errorf("%+v", s)
		}
		if refused := h.first("too_deep"); refused == nil || refused.Position != 1 {
			t.Errorf("%v", refused)
		}
	})
}

func TestARefusedEventStopsTheClientWhereThatIsAskedFor(t *testing.T) {
	eachTransport(t, func(t *testing.T, g *livegateway.Gateway, transport millrace.Transport) {
		c, h := connect(t, millrace.Options{URL: g.URL, Transport: transport, OnRefused: millrace.Stop})
		c.SendJSON(deep())
		send(t, c, 1)
		var e *millrace.Error
		if err := c.Flush(soon(t)); !errors.As(err, &e) || e.Code != "too_deep" {
			t.Errorf("flush: %v", err)
		}
		s := c.Stats()
		if s.State != millrace.Stopped || s.Pending != 2 || c.Send(2) || g.Count(c.Key()) != 0 {
			t.Errorf("%+v", s)
		}
		if err := c.Close(soon(t)); !errors.As(err, &e) || e.Code != "too_deep" {
			t.Errorf("close: %v", err)
		}
		if codes := h.codes(); !slices.Equal(codes, []string{"too_deep!"}) {
			t.Errorf("%v", codes)
		}
	})
}

func TestARefusedEventBecomesADeadLetterWhereThatIsAskedFor(t *testing.T) {
	eachTransport(t, func(t *testing.T, g *livegateway.Gateway, transport millrace.Transport) {
		c, _ := connect(t, millrace.Options{URL: g.URL, Transport: transport, OnRefused: millrace.DeadLetter})
		send(t, c, 0)
		c.SendJSON(deep())
		send(t, c, 2)
		closeWell(t, c)
		if s := c.Stats(); s.Acked != 3 || s.Rejected != 1 || g.Count(c.Key()) != 3 {
			t.Errorf("%+v", s)
		}
	})
}

// first error of a code that was reported.
func (h *heard) first(code string) *millrace.Error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		if e.Kind == millrace.EventError && e.Err.Code == code {
			return e.Err
		}
	}
	return nil
}
