package millrace_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	millrace "github.com/millrace/millrace/clients/go"
	"github.com/millrace/millrace/clients/go/internal/livegateway"
)

func TestEventsAreStoredOnceAndInOrder(t *testing.T) {
	eachTransport(t, func(t *testing.T, g *livegateway.Gateway, transport millrace.Transport) {
		c, _ := connect(t, millrace.Options{URL: g.URL, Transport: transport})
		for n := range 10_000 {
			send(t, c, numbered(n))
		}
		if err := c.Flush(soon(t)); err != nil {
			t.Fatal(err)
		}
		s := c.Stats()
		if s.Acked != 10_000 || s.Pending != 0 || s.State != millrace.Open || s.Transport != transport || s.Connects != 1 {
			t.Errorf("%+v", s)
		}
		closeWell(t, c)
		isExactly(t, g, c.Key(), 10_000)
		if c.Send(1) || c.Stats().State != millrace.Closed {
			t.Error("a closed client takes an event")
		}
	})
}

func TestSendsFromManyGoroutinesAreAllStored(t *testing.T) {
	g := livegateway.Start(t)
	c, _ := connect(t, millrace.Options{URL: g.URL, MaxBytes: 10_000})
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := range 1000 {
				send(t, c, n)
			}
		}()
	}
	all.Wait()
	closeWell(t, c)
	if count := g.Count(c.Key()); count != 8000 {
		t.Errorf("%d events are stored", count)
	}
}

func TestAGatewayThatIsKilledAndRestartedCostsNothing(t *testing.T) {
	for _, transport := range transports {
		t.Run(string(transport), func(t *testing.T) {
			g := livegateway.Start(t)
			c, h := connect(t, millrace.Options{URL: g.URL, Transport: transport, BatchBytes: 300})
			const events, kills = 6000, 3
			for n := range events {
				send(t, c, numbered(n))
				if n%(events/kills) == events/kills/2 {
					at := c.Stats().Acked
					until(t, "some are acknowledged", func() bool { return c.Stats().Acked > at })
					g.Kill()
					g.Restart()
				}
			}
			if err := c.Flush(soon(t)); err != nil {
				t.Fatalf("%v: %v", err, h.codes())
			}
			if connects := c.Stats().Connects; connects < 2 {
				t.Errorf("%d connections for %d kills", connects, kills)
			}
			isExactly(t, g, c.Key(), events)
			closeWell(t, c)
		})
	}
}

func TestConnectionsThatAreCutAnywhereCostNothing(t *testing.T) {
	eachTransport(t, func(t *testing.T, g *livegateway.Gateway, transport millrace.Transport) {
		p := livegateway.NewProxy(t, g.URL)
		c, h := connect(t, millrace.Options{URL: p.URL, Transport: transport, BatchBytes: 200, BatchDelay: time.Millisecond})
		random := rand.New(rand.NewPCG(1, uint64(len(transport))))
		for n := range 3000 {
			send(t, c, numbered(n))
			if n%50 == 0 {
				p.CutAfter.Store(int64(400 + random.IntN(5000)))
				checkInvariant(t, c)
			}
		}
		until(t, "some connections were cut", func() bool { return c.Stats().Connects > 5 || c.Stats().Pending == 0 })
		p.CutAfter.Store(0)
		p.Cut()
		if err := c.Flush(soon(t)); err != nil {
			t.Fatalf("%v: %v", err, h.codes())
		}
		if s := c.Stats(); s.Connects < 2 || s.Duplicates > 3000 {
			t.Errorf("%+v", s)
		}
		isExactly(t, g, c.Key(), 3000)
		closeWell(t, c)
	})
}

func TestAConnectionWithoutAWordIsGivenUp(t *testing.T) {
	eachTransport(t, func(t *testing.T, g *livegateway.Gateway, transport millrace.Transport) {
		p := livegateway.NewProxy(t, g.URL)
		c, _ := connect(t, millrace.Options{
			URL: p.URL, Transport: transport, AckTimeout: 100 * time.Millisecond, ConnectTimeout: 100 * time.Millisecond,
		})
		send(t, c, numbered(0))
		if err := c.Flush(soon(t)); err != nil {
			t.Fatal(err)
		}
		p.Silence(true)
		send(t, c, numbered(1))
		until(t, "the connection is given up", func() bool { return c.Stats().State != millrace.Open })
		p.Silence(false)
		if err := c.Flush(soon(t)); err != nil {
			t.Fatal(err)
		}
		isExactly(t, g, c.Key(), 2)
	})
}

func TestCloseGivesUpWithItsContextAndTellsWhatIsLeft(t *testing.T) {
	for _, folder := range []string{"", filepath.Join(t.TempDir(), "spool")} {
		c, h := connect(t, millrace.Options{URL: "http://127.0.0.1:1", SpoolDir: folder})
		for n := range 3 {
			send(t, c, n)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		err := c.Close(ctx)
		var e *millrace.Error
		if !errors.As(err, &e) || e.Code != millrace.CodeTimeout {
			t.Errorf("close: %v", err)
		}
		if again := c.Close(context.Background()); again == nil || again.Error() != err.Error() {
			t.Errorf("close again: %v", again)
		}
		s := c.Stats()
		if isKept := s.Pending == 3; isKept != (folder != "") || s.Pending+int(s.Dropped[millrace.ReasonClosed]) != 3 {
			t.Errorf("%+v, %v", s, h.codes())
		}
		if c.Send(1) {
			t.Error("a closed client takes an event")
		}
		if err := c.Ready(soon(t)); !errors.As(err, &e) || e.Code != millrace.CodeClosed {
			t.Errorf("ready: %v", err)
		}
	}
}

func TestFlushGivesUpWithItsContextAndTheEventsStayTaken(t *testing.T) {
	g := livegateway.Start(t)
	p := livegateway.NewProxy(t, g.URL)
	p.Silence(true)
	c, _ := connect(t, millrace.Options{URL: p.URL, ConnectTimeout: 50 * time.Millisecond})
	send(t, c, numbered(0))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := c.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("flush: %v", err)
	}
	p.Silence(false)
	if err := c.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	isExactly(t, g, c.Key(), 1)
}

func TestCloseRacesWithSendsAndAllThatWasTakenIsStored(t *testing.T) {
	g := livegateway.Start(t)
	for range 20 {
		c, _ := connect(t, millrace.Options{URL: g.URL})
		var all sync.WaitGroup
		for range 4 {
			all.Add(1)
			go func() {
				defer all.Done()
				for c.Send("x") {
				}
			}()
		}
		until(t, "some are taken", func() bool { return c.Stats().Taken > 100 })
		closeWell(t, c)
		all.Wait()
		if s := c.Stats(); s.Taken != s.Acked || g.Count(c.Key()) != int(s.Acked) {
			t.Errorf("%+v, stored %d", s, g.Count(c.Key()))
		}
	}
}
