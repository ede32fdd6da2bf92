package millrace

import (
	"context"
	"time"

	"github.com/millrace/millrace/clients/go/internal/session"
)

// lastWord: Close waits so long at most for OnEvent to hear of the end.
const lastWord = time.Second

// Close flushes and ends the stream. It gives up when ctx ends: what is left then is told by the error, and stays in the
// spool where there is one. It may be called more than once; the end of any ctx is the end for all.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	if !c.closing {
		c.closing = true
		c.tellRoom()
		c.hurry()
		if c.stopped != nil || c.queue.Entries == 0 && c.session.Phase != session.Open {
			c.tell(session.Event{Kind: session.Close})
		}
	}
	c.mu.Unlock()
	select {
	case <-c.done:
	case <-ctx.Done():
		c.mu.Lock()
		c.tell(session.Event{Kind: session.Close})
		c.mu.Unlock()
	}
	hearing, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
	defer cancel()
	c.reporter.wait(hearing)
	c.mu.Lock()
	defer c.mu.Unlock()
	return while("millrace: close", c.left)
}

// finish comes once, when the session has ended.
func (c *Client) finish() {
	if c.retryTimer != nil {
		c.retryTimer.Stop()
	}
	c.batchTimer.Stop()
	c.cancel()
	c.config.close()
	if left := c.queue.Entries; left > 0 {
		c.left = c.leftError(left)
	}
	ended := c.stopped
	if ended == nil {
		ended = newError(CodeClosed, nil, "the client is closed")
	}
	c.fail(ended)
	if c.spool != nil {
		c.spool.Close()
	} else if left := c.queue.Entries; left > 0 {
		c.queue.Rewind()
		c.queue.Settle(c.queue.Base + uint64(left))
		c.count(ReasonClosed, uint64(left))
	}
	close(c.done)
}

func (c *Client) leftError(events int) *Error {
	fate := "and are lost"
	if c.spool != nil {
		fate = "and stay in the spool"
	}
	if c.stopped != nil {
		return newError(c.stopped.Code, c.stopped, "%d events are not acknowledged %s", events, fate)
	}
	return newError(CodeTimeout, nil, "%d events are not acknowledged %s", events, fate)
}
