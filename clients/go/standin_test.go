package millrace_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// A standIn has one stream, and answers as a script says what no real gateway can be made to say.
type standIn struct {
	*httptest.Server
	mu sync.Mutex
	// events of the stream
	events []string
	// script answers the first requests that bring events, one after the other
	script []http.HandlerFunc
	// most bytes of a body
	most int
	// upgrade answers a WebSocket; nil: 404
	upgrade http.HandlerFunc
	// opens are POSTs without events
	opens, posts, upgrades int
}

func newStandIn(t testing.TB) *standIn {
	s := startStandIn()
	t.Cleanup(s.Close)
	return s
}

func startStandIn() *standIn {
	s := &standIn{}
	s.Server = httptest.NewServer(s)
	return s
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" {
		s.mu.Lock()
		s.upgrades++
		s.mu.Unlock()
		if s.upgrade == nil {
			http.NotFound(w, r)
		} else {
			s.upgrade(w, r)
		}
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := read(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if len(body) == 0 {
		s.opens++
		s.tell(w, 200, "")
		return
	}
	s.posts++
	if len(s.script) > 0 {
		answer := s.script[0]
		s.script = s.script[1:]
		if answer != nil {
			answer(w, r)
			return
		}
	}
	if s.most > 0 && len(body) > s.most {
		s.tell(w, 413, "body_too_large")
		return
	}
	s.store(w, r, body)
}

func (s *standIn) store(w http.ResponseWriter, r *http.Request, body []byte) {
	offset, err := strconv.Atoi(r.URL.Query().Get("offset"))
	if err != nil || offset > len(s.events) {
		s.tell(w, 409, "gap")
		return
	}
	lines := bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"))
	for _, line := range lines[min(len(lines), len(s.events)-offset):] {
		s.events = append(s.events, string(line))
	}
	s.tell(w, 200, "")
}

func (s *standIn) tell(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":%q,"stream":"s","count":%d,"duplicates":0,"rejected":0}`, code, len(s.events))
}

// counts are how often it was asked.
func (s *standIn) counts() (opens, posts, upgrades int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opens, s.posts, s.upgrades
}

func (s *standIn) stored() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events
}

func read(r *http.Request) ([]byte, error) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = unzipped
	}
	return io.ReadAll(body)
}

// status answers with nothing but that.
func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// socket answers with a WebSocket of the subprotocol.
func socket(serve func(ctx context.Context, conn *websocket.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"millrace.v1"}})
		if err != nil {
			return // Accept has answered
		}
		defer func() { _ = conn.CloseNow() }() // mostly closed by then
		serve(r.Context(), conn)
	}
}
