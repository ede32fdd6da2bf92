package millrace_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	millrace "github.com/millrace/millrace/clients/go"
)

func TestAfterAnAnswerThatIsNoEndTheClientResumes(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"408": status(408), "425": status(425), "429": status(429), "500": status(500), "502": status(502),
		"503": status(503), "504": status(504), "507": status(507), "200 of something else": status(200),
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStandIn(t)
			s.script = []http.HandlerFunc{answer, nil, answer}
			c, _ := connect(t, millrace.Options{URL: s.URL, Transport: millrace.Post, BatchBytes: 1})
			for n := range 5 {
				send(t, c, n)
				if err := c.Flush(soon(t)); err != nil {
					t.Fatal(err)
				}
			}
			closeWell(t, c)
			if found := strings.Join(s.stored(), " "); found != "0 1 2 3 4" {
				t.Errorf("%s", found)
			}
			if opens, _, _ := s.counts(); opens != 3 {
				t.Errorf("the count was asked %d times", opens)
			}
		})
	}
}

func TestAfterAnAnswerThatIsTheEndTheClientStopsAndForgetsNothing(t *testing.T) {
	for _, code := range []int{301, 302, 307, 308, 400, 401, 403, 404, 405, 415, 431, 501} {
		s := newStandIn(t)
		followed := false
		s.script = []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(code)
		}, func(http.ResponseWriter, *http.Request) { followed = true }}
		c, _ := connect(t, millrace.Options{URL: s.URL, Transport: millrace.Post})
		send(t, c, 1)
		var e *millrace.Error
		if err := c.Flush(soon(t)); !errors.As(err, &e) || e.Code != fmt.Sprintf("http_%d", code) {
			t.Errorf("%d: flush: %v", code, err)
		}
		if stats := c.Stats(); stats.State != millrace.Stopped || stats.Pending != 1 || followed {
			t.Errorf("%d: %+v", code, stats)
		}
	}
}

func TestABodyThatIsTooLargeIsSentInParts(t *testing.T) {
	s := newStandIn(t)
	s.most = 100
	c, h := connect(t, millrace.Options{URL: s.URL, Transport: millrace.Post})
	for n := range 200 {
		send(t, c, n)
		if n == 150 {
			send(t, c, strings.Repeat("x", 200))
		}
	}
	closeWell(t, c)
	if found := s.stored(); len(found) != 200 || found[199] != "199" {
		t.Errorf("%v", found)
	}
	refused := h.first("body_too_large")
	if refused == nil || refused.Position != 151 || c.Stats().Dropped[millrace.ReasonBadEvent] != 1 {
		t.Errorf("%v, %+v", refused, c.Stats())
	}
}

func TestBodiesAreCompressedWhereThatIsAskedFor(t *testing.T) {
	s := newStandIn(t)
	c, _ := connect(t, millrace.Options{URL: s.URL, Gzip: true})
	send(t, c, strings.Repeat("x", 1000))
	closeWell(t, c)
	if _, _, upgrades := s.counts(); len(s.stored()) != 1 || upgrades != 0 {
		t.Errorf("%v, %d upgrades", s.stored(), upgrades)
	}
}

func TestWhereNoWebSocketOpensAutoTakesPost(t *testing.T) {
	for name, upgrade := range map[string]http.HandlerFunc{
		"404": nil, "403": status(403), "502": status(502), "a redirect": status(302), "200": status(200),
		"another protocol": func(w http.ResponseWriter, r *http.Request) {
			if conn, err := websocket.Accept(w, r, nil); err == nil {
				_ = conn.Close(websocket.StatusNormalClosure, "") // it is the peer's to answer
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStandIn(t)
			s.upgrade = upgrade
			c, h := connect(t, millrace.Options{URL: s.URL})
			send(t, c, 1)
			if err := c.Flush(soon(t)); err != nil {
				t.Fatal(err)
			}
			if stats := c.Stats(); stats.Transport != millrace.Post || len(h.codes()) > 0 {
				t.Errorf("%+v, %v", stats, h.codes())
			}
			closeWell(t, c)
		})
	}
}

func TestAWebSocketThatIsRefusedSaysWhy(t *testing.T) {
	s := newStandIn(t)
	s.upgrade = func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(403)
		fmt.Fprint(w, `{"error":"forbidden","message":"no scope ingest"}`)
	}
	c, _ := connect(t, millrace.Options{URL: s.URL, Transport: millrace.WebSocket})
	send(t, c, 1)
	var e *millrace.Error
	if err := c.Flush(soon(t)); !errors.As(err, &e) || e.Code != "forbidden" || e.Message != "no scope ingest" {
		t.Errorf("flush: %v", err)
	}
}

func TestAnEndThatNobodyAskedForIsABreak(t *testing.T) {
	s := newStandIn(t)
	stored := 0
	s.upgrade = socket(func(ctx context.Context, conn *websocket.Conn) {
		say := func(format string, args ...any) {
			_ = conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, format, args...)) // the client may be gone
		}
		say(`{"type":"news"}`)
		say(`{"type":"open","stream":"s","count":%d,"more":1}`, stored)
		for {
			_, body, err := conn.Read(ctx)
			if err != nil || len(body) == 0 {
				_ = conn.Close(websocket.StatusNormalClosure, "") // the client may be gone
				return
			}
			stored += strings.Count(string(body), "\n")
			say(`no JSON`)
			say(`{"type":"ack","count":%d,"duplicates":0,"rejected":0}`, stored)
			if stored == 1 {
				_ = conn.Close(websocket.StatusNormalClosure, "idle") // the client may be gone
				return
			}
		}
	})
	c, _ := connect(t, millrace.Options{URL: s.URL, Transport: millrace.WebSocket})
	send(t, c, 0)
	until(t, "it connects again", func() bool { return c.Stats().Connects == 2 })
	send(t, c, 1)
	closeWell(t, c)
	if stats := c.Stats(); stats.Acked != 2 {
		t.Errorf("%+v", stats)
	}
}
