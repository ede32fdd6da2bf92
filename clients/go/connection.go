package millrace

import (
	"context"
	"time"

	"github.com/millrace/millrace/clients/go/internal/link"
	"github.com/millrace/millrace/clients/go/internal/session"
)

// postBytes of one POST; a WebSocket takes batch by batch.
const postBytes = 1 << 20

// A conn is one connection; what comes of one that is no longer c.conn is ignored.
type conn struct {
	cancel context.CancelFunc
	// probe: it only asks, under no epoch, whether the key is free
	probe bool
	// of this connection; again: entries that other connections have sent before
	duplicates, rejected, again uint64
	ackTimer, upgradeTimer      *time.Timer
	// upgrading: it ends as soon as nothing is under way
	upgrading bool
	// ended: the end of the stream was sent
	ended bool
}

// tell the session, and do what it says.
func (c *Client) tell(event session.Event) {
	before := c.session.Phase
	next, effect := session.Step(c.session, event, &c.machine)
	c.session = next
	if next.Phase != before {
		c.reporter.report(Event{Kind: EventState, State: State(next.Phase.String()), Key: c.key})
	}
	switch effect.Do {
	case session.Dial:
		c.dial()
	case session.HangUp:
		c.hangUp()
	case session.Wait:
		c.hangUp()
		c.retryTimer = time.AfterFunc(effect.Wait, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.tell(session.Event{Kind: session.Elapsed})
		})
	}
	if next.Phase == session.Closed && before != session.Closed {
		c.finish()
	}
}

func (c *Client) hangUp() {
	if c.conn == nil {
		return
	}
	c.conn.cancel()
	for _, timer := range []*time.Timer{c.conn.ackTimer, c.conn.upgradeTimer} {
		if timer != nil {
			timer.Stop()
		}
	}
	c.conn = nil
	c.work.Broadcast()
}

func (c *Client) dial() {
	c.hangUp()
	c.queue.Rewind()
	ctx, cancel := context.WithCancel(c.life)
	conn := &conn{cancel: cancel, probe: c.mustProbe()}
	c.conn = conn
	target := &link.Target{
		URL: c.config.url, Key: c.key, Epoch: c.epoch, DeadLetters: c.config.OnRefused == DeadLetter, Gzip: c.config.Gzip,
		ConnectTimeout: c.config.ConnectTimeout, AckTimeout: c.config.AckTimeout, Client: c.config.http,
	}
	if conn.probe {
		target.Epoch = 0
	}
	open := link.NewWebSocket
	if c.session.Transport == session.Post {
		open = link.NewPost
	}
	go c.serve(ctx, conn, target, open(target))
}

// mustProbe: whoever has the key already must not be fenced off by our epoch before we take a key of our own.
func (c *Client) mustProbe() bool {
	isOurs := c.config.Stream == "" || c.config.Replay || c.config.Append || c.resumes || c.queue.Tried > 0
	return c.epoch > 0 && !isOurs && !c.asked
}

// serve is the life of one connection.
func (c *Client) serve(ctx context.Context, conn *conn, target *link.Target, l link.Link) {
	defer conn.cancel()
	defer l.Close()
	count, over := uint64(0), c.authorize(ctx, target)
	if over == nil {
		count, over = l.Open(ctx)
	}
	c.mu.Lock()
	isOpen := over == nil && c.conn == conn && c.opened(conn, count)
	if over != nil {
		c.lost(conn, over)
	}
	c.mu.Unlock()
	if !isOpen {
		return
	}
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		over := l.Listen(ctx, func(ack link.Ack) { c.hear(conn, &ack, nil) })
		c.hear(conn, nil, over)
	}()
	c.pump(ctx, conn, l)
	<-listened
}

func (c *Client) authorize(ctx context.Context, target *link.Target) *link.Over {
	target.Token = c.config.Token
	if c.config.TokenFunc == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.ConnectTimeout)
	defer cancel()
	token, err := c.config.TokenFunc(ctx)
	if err != nil {
		return &link.Over{Kind: link.Broken, Code: link.Unreachable, Message: "get a token: " + err.Error(), Err: err}
	}
	target.Token = token
	return nil
}

// pump sends what there is, until the connection is over.
func (c *Client) pump(ctx context.Context, conn *conn, l link.Link) {
	for {
		bodies, position, ok := c.gather(conn)
		if !ok {
			return
		}
		if len(bodies) == 0 {
			l.End(ctx)
			continue
		}
		ack, over := l.Send(ctx, bodies, position)
		c.hear(conn, ack, over)
	}
}

func (c *Client) hear(conn *conn, ack *link.Ack, over *link.Over) {
	if ack == nil && over == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ack != nil && c.conn == conn {
		c.acked(conn, ack)
	}
	if over != nil {
		c.lost(conn, over)
	}
}

// gather waits for what to send next on conn: no bodies are the end of the stream; not ok: conn is over.
func (c *Client) gather(conn *conn) (bodies [][]byte, position uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.conn == conn {
		inFlight := c.queue.InFlight
		if conn.upgrading && inFlight == 0 {
			c.tell(session.Event{Kind: session.Upgrade})
			break
		}
		position = c.queue.Base + uint64(inFlight)
		if c.queue.InFlightBytes < c.config.WindowBytes && !(c.oneByOne && inFlight > 0) {
			bodies = c.batches(conn)
		}
		isEnd := c.closing && c.queue.Entries == 0 && !conn.ended
		if len(bodies) > 0 || isEnd {
			conn.ended = isEnd
			if inFlight == 0 {
				c.heardAt = time.Now()
			}
			c.watch(conn, c.config.AckTimeout)
			return bodies, position, true
		}
		c.work.Wait()
	}
	return nil, 0, false
}

// batches: the next batch, or over POST as many as fit.
func (c *Client) batches(conn *conn) (bodies [][]byte) {
	most := 0
	if c.session.Transport == session.Post {
		most = postBytes
		if limit := c.queue.Limit(); limit > 0 {
			most = min(most, limit)
		}
	}
	for size := 0; size == 0 || size+c.queue.NextSize() <= most; {
		out, ok := c.queue.Next(c.due || c.closing)
		if !ok {
			c.due = false
			break
		}
		conn.again += uint64(out.Again)
		bodies = append(bodies, out.Body)
		size += len(out.Body)
	}
	return bodies
}

// watch for a connection that is gone without a word (PROTOCOL.md, 5.10).
func (c *Client) watch(conn *conn, after time.Duration) {
	if conn.ackTimer != nil {
		return
	}
	conn.ackTimer = time.AfterFunc(after, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.conn != conn {
			return
		}
		conn.ackTimer = nil
		if c.queue.InFlight == 0 && !conn.ended {
			return
		}
		if left := c.config.AckTimeout - time.Since(c.heardAt); left > 0 {
			c.watch(conn, left)
			return
		}
		c.lost(conn, &link.Over{
			Kind: link.Broken, Code: link.Unreachable, Message: "no ack for " + c.config.AckTimeout.String(),
		})
	})
}
