package millrace

import (
	"context"
	"time"
)

// hasRoom for an event of this size; one that is larger than all the room goes alone.
func (c *Client) hasRoom(size int) bool {
	return c.queue.Entries == 0 || c.queue.Bytes+size <= c.config.MaxBytes
}

// makeRoom by the policy, or returns why the event is refused.
func (c *Client) makeRoom(size int) *Error {
	c.needed = size
	for c.config.Overflow == DropOldest && !c.hasRoom(size) && c.dropOldest() {
	}
	if c.hasRoom(size) {
		return nil
	}
	if c.config.Overflow == Refuse {
		c.stats.Refused++
	} else {
		c.count(ReasonNewest, 1)
	}
	return newError(CodeFull, nil, "%d bytes wait for their ack (MaxBytes is %d)", c.queue.Bytes, c.config.MaxBytes)
}

// dropOldest of those that were never sent; the gateway may have the others.
func (c *Client) dropOldest() bool {
	entry, ok := c.queue.FirstUnsent()
	if !ok {
		return false
	}
	if c.spool != nil {
		if err := c.spool.Drop(entry, 1); err != nil {
			c.report(newError(CodeSpool, err, "drop an event"))
			return false
		}
	}
	at := c.queue.Tried
	c.queue.DropUnsent()
	c.leftOut(at)
	c.count(ReasonOldest, 1)
	return true
}

func (c *Client) count(reason DropReason, events uint64) {
	c.stats.Dropped[reason] += events
	c.reporter.report(Event{Kind: EventDrop, Reason: reason, Events: events})
}

// Ready waits until Send has room for what it refused last. It fails where the client is stopped or closed, or ctx ends.
func (c *Client) Ready(ctx context.Context) error {
	for {
		c.mu.Lock()
		if err := c.ended(); err != nil {
			c.mu.Unlock()
			return while("millrace: ready", err)
		}
		// a loop around a refusal that stays must end with its context
		if ctx.Err() != nil {
			c.mu.Unlock()
			return while("millrace: ready", newError(CodeTimeout, ctx.Err(), "there is no room"))
		}
		pause, room := c.roomAfter()
		c.mu.Unlock()
		if room == nil && pause == nil {
			return nil
		}
		select {
		case <-pause:
		case <-room:
		case <-ctx.Done():
			return while("millrace: ready", newError(CodeTimeout, ctx.Err(), "there is no room"))
		}
	}
}

// roomAfter gives what to wait for; a disk that is full is tried again after a while.
func (c *Client) roomAfter() (pause <-chan time.Time, room <-chan struct{}) {
	if c.unkept {
		c.unkept = false
		return time.After(c.config.RetryMin), nil
	}
	if c.hasRoom(c.needed) {
		return nil, nil
	}
	if c.room == nil {
		c.room = make(chan struct{})
	}
	return nil, c.room
}

// tellRoom wakes those that wait in Ready, for room or the end.
func (c *Client) tellRoom() {
	if c.room != nil && (c.hasRoom(c.needed) || c.ended() != nil) {
		close(c.room)
		c.room = nil
	}
}
