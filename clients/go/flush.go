package millrace

import "context"

// A flush waits until the first left entries of the queue are settled.
type flush struct {
	left int
	done chan *Error
}

// Flush returns once everything taken before it is acknowledged or dropped. It fails where the client is stopped or
// closed before that, or ctx ends; the events stay taken.
func (c *Client) Flush(ctx context.Context) error {
	const attempt = "millrace: flush"
	c.mu.Lock()
	if c.queue.Entries == 0 {
		c.mu.Unlock()
		return nil
	}
	if err := c.ended(); err != nil {
		c.mu.Unlock()
		return while(attempt, err)
	}
	f := &flush{left: c.queue.Entries, done: make(chan *Error, 1)}
	c.flushes[f] = struct{}{}
	c.hurry()
	c.mu.Unlock()
	select {
	case err := <-f.done:
		return while(attempt, err)
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.flushes, f)
	return while(attempt, newError(CodeTimeout, ctx.Err(), "%d events are not acknowledged", c.queue.Entries))
}

// settledFirst: the oldest entries left the queue.
func (c *Client) settledFirst(entries int) {
	for f := range c.flushes {
		f.left -= entries
	}
	c.moved()
}

// leftOut: the entry at this place of the queue left it.
func (c *Client) leftOut(at int) {
	for f := range c.flushes {
		if at < f.left {
			f.left--
		}
	}
	c.moved()
}

func (c *Client) moved() {
	c.tellRoom()
	for f := range c.flushes {
		if f.left <= 0 {
			delete(c.flushes, f)
			f.done <- nil
		}
	}
}

// fail tells everyone who waits.
func (c *Client) fail(err *Error) {
	c.tellRoom()
	for f := range c.flushes {
		delete(c.flushes, f)
		f.done <- err
	}
}
