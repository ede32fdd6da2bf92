package millrace_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	millrace "github.com/millrace/millrace/clients/go"
	"github.com/millrace/millrace/clients/go/internal/livegateway"
)

func TestAutoTakesAWebSocketOfTheGateway(t *testing.T) {
	g := livegateway.Start(t)
	c, _ := connect(t, millrace.Options{URL: strings.Replace(g.URL, "http", "ws", 1) + "/"})
	send(t, c, 0)
	if err := c.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	if s := c.Stats(); s.Transport != millrace.WebSocket {
		t.Errorf("%+v", s)
	}
}

func TestAutoComesBackToAWebSocket(t *testing.T) {
	defer millrace.SetUpgradeAfter(50 * time.Millisecond)()
	s := newStandIn(t)
	var works atomic.Bool
	serve := socket(func(ctx context.Context, conn *websocket.Conn) {
		open := fmt.Appendf(nil, `{"type":"open","stream":"s","count":%d}`, len(s.stored()))
		if conn.Write(ctx, websocket.MessageText, open) == nil {
			<-conn.CloseRead(ctx).Done()
		}
	})
	s.upgrade = func(w http.ResponseWriter, r *http.Request) {
		if works.Load() {
			serve(w, r)
		} else {
			http.NotFound(w, r)
		}
	}
	c, h := connect(t, millrace.Options{URL: s.URL})
	send(t, c, 0)
	if err := c.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	until(t, "a WebSocket is tried again", func() bool { _, _, upgrades := s.counts(); return upgrades > 2 })
	works.Store(true)
	until(t, "it is one", func() bool { return c.Stats().Transport == millrace.WebSocket })
	if codes := h.codes(); len(codes) > 0 {
		t.Errorf("%v", codes)
	}
}

func TestAGatewayThatAsksForAWaitIsNotAskedByPost(t *testing.T) {
	s := newStandIn(t)
	s.upgrade = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(503)
	}
	c, _ := connect(t, millrace.Options{URL: s.URL})
	until(t, "it waits", func() bool { return c.Stats().State == millrace.Waiting })
	if opens, _, upgrades := s.counts(); opens != 0 || upgrades != 1 {
		t.Errorf("%d POSTs, %d upgrades", opens, upgrades)
	}
}

func TestAListenerThatWaitsHoldsUpNothing(t *testing.T) {
	s := newStandIn(t)
	release := make(chan struct{})
	defer close(release)
	var calls atomic.Int64
	c, _ := connect(t, millrace.Options{
		URL: s.URL, Transport: millrace.Post, OnEvent: func(millrace.Event) { calls.Add(1); <-release },
	})
	for n := range 1000 {
		send(t, c, n)
	}
	if err := c.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	closeWell(t, c)
	if len(s.stored()) != 1000 || calls.Load() != 1 {
		t.Errorf("%d events, %d calls", len(s.stored()), calls.Load())
	}
}
