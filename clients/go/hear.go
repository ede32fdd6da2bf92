package millrace

import (
	"time"

	"github.com/millrace/millrace/clients/go/internal/link"
	"github.com/millrace/millrace/clients/go/internal/session"
)

// known is the highest count that the stream can have without another producer.
func (c *Client) known() uint64 {
	return max(c.queue.Base+uint64(c.queue.Tried), c.replayedTo)
}

// opened: the gateway has count entries of the stream. False where conn is given up for another one.
func (c *Client) opened(conn *conn, count uint64) bool {
	if conn.probe {
		c.asked = true
		if count == 0 {
			if c.rebase(c.queue.Base) {
				c.tell(session.Event{Kind: session.Again})
			}
			return false
		}
	}
	c.stats.Connects++
	if !c.contacted && !c.contact(count) {
		return false
	}
	if count > c.known() {
		c.foreign(count)
		return false
	}
	c.contacted = true
	if count < c.queue.Base && !c.regress(count) {
		return false
	}
	c.settle(count)
	c.resolve(count)
	if c.conn != conn {
		return false
	}
	if c.session.Transport == session.Post && c.config.Transport == Auto {
		conn.upgradeTimer = time.AfterFunc(upgradeAfter, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			conn.upgrading = true
			c.work.Broadcast()
		})
	}
	c.due = true
	c.tell(session.Event{Kind: session.Opened})
	c.reporter.report(Event{Kind: EventOpen, Count: count, Key: c.key, Transport: c.transport()})
	return true
}

// contact is the first: true where the stream is ours, else we go on under a new key (PROTOCOL.md, 7.6).
func (c *Client) contact(count uint64) bool {
	if c.config.Replay {
		c.replayedTo = count
		return true
	}
	if c.config.Append && !c.resumes {
		return c.rebase(count)
	}
	if count <= c.known() {
		return true
	}
	if c.resumes {
		c.report(newError(CodeForeign, nil,
			"stream %s has %d events, more than the spool knows of: going on under a new key", c.key, count))
	}
	base := c.key
	if c.config.Stream != "" {
		base = c.config.Stream
	}
	c.key = cut(base) + "." + newID()
	c.asked = true
	if c.rebase(0) {
		c.tell(session.Event{Kind: session.Again})
	}
	return false
}

func (c *Client) regress(count uint64) bool {
	c.report(newError(CodeRegressed, nil,
		"stream %s had %d events and now has %d: the gateway lost or deleted some", c.key, c.queue.Base, count))
	return c.rebase(count)
}

// resolve leaves out the entry that the last connection was refused for.
func (c *Client) resolve(count uint64) {
	refusal := c.refusal
	c.refusal = nil
	isOurs := refusal != nil && (refusal.Position < 0 || uint64(refusal.Position) == count) && c.queue.Entries > 0
	c.unresolved = refusal != nil && !isOurs
	if !isOurs {
		return
	}
	refusal.Position = int64(count)
	if c.spool != nil {
		if err := c.spool.Drop(c.firstEntry(), 1); err != nil {
			c.stop(newError(CodeSpool, err, "leave out a refused event"))
			return
		}
	}
	c.queue.DropFirst()
	c.leftOut(0)
	c.count(ReasonBadEvent, 1)
	c.report(refusal)
}

func (c *Client) acked(conn *conn, ack *link.Ack) {
	// what was never sent before cannot be there already
	if ack.Count > c.known() || ack.Duplicates > conn.again {
		c.foreign(ack.Count)
		return
	}
	// data of an earlier connection came after all: from here on our positions would be wrong (PROTOCOL.md, 5.9)
	isLate := ack.Count > max(c.queue.Base+uint64(c.queue.InFlight), c.replayedTo)
	c.stats.Duplicates += ack.Duplicates - conn.duplicates
	c.stats.Rejected += ack.Rejected - conn.rejected
	conn.duplicates, conn.rejected = ack.Duplicates, ack.Rejected
	c.settle(ack.Count)
	if isLate {
		c.tell(session.Event{Kind: session.Again})
	}
}

// settle: all below count is stored.
func (c *Client) settle(count uint64) {
	before := c.queue.Base
	entries := c.queue.Settle(count)
	if entries == 0 {
		return
	}
	if before < c.replayedTo {
		c.stats.Duplicates += min(c.replayedTo, c.queue.Base) - before
	}
	c.stats.Acked += uint64(entries)
	c.heardAt = time.Now()
	c.oneByOne = false
	if c.spool != nil {
		c.spool.Settle(c.firstEntry(), c.queue.Base)
	}
	c.tell(session.Event{Kind: session.Progress})
	c.reporter.report(Event{Kind: EventAck, Count: c.queue.Base})
	c.settledFirst(entries)
	c.work.Signal()
}
