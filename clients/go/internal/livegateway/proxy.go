package livegateway

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// A Proxy stands before a gateway and can cut every connection, or let nothing through without a word.
type Proxy struct {
	URL    string
	silent atomic.Bool
	// Cut connections after so many bytes to the gateway, 0: never.
	CutAfter atomic.Int64

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// NewProxy listens on a free port until the test ends.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{URL: "http://" + listener.Addr().String(), conns: map[net.Conn]bool{}}
	t.Cleanup(func() {
		listener.Close()
		p.Cut()
	})
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return // closed
			}
			to, err := net.Dial("tcp", u.Host)
			if err != nil {
				from.Close() // the gateway is away
				continue
			}
			p.keep(from)
			p.keep(to)
			go p.copy(to, from, true)
			go p.copy(from, to, false)
		}
	}()
	return p
}

// Cut every connection.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		conn.Close()
	}
	clear(p.conns)
}

// Silence lets nothing through, and closes nothing either.
func (p *Proxy) Silence(silent bool) { p.silent.Store(silent) }

func (p *Proxy) keep(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = true
}

func (p *Proxy) copy(to, from net.Conn, isUp bool) {
	defer to.Close()
	defer from.Close()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, to)
		delete(p.conns, from)
	}()
	buffer := make([]byte, 16*1024)
	for passed := int64(0); ; {
		n, err := from.Read(buffer)
		if p.silent.Load() {
			n = 0
		}
		most := p.CutAfter.Load()
		isCut := isUp && most > 0 && passed+int64(n) >= most
		if isCut {
			n = int(max(0, most-passed))
		}
		passed += int64(n)
		if _, failed := to.Write(buffer[:n]); failed != nil || err != nil || isCut {
			return // both sides learn by the close
		}
	}
}
