package millrace

import (
	"github.com/millrace/millrace/clients/go/internal/link"
	"github.com/millrace/millrace/clients/go/internal/session"
)

// lost: the connection is over, and what that means (PROTOCOL.md, 4.6 and 5.6).
func (c *Client) lost(conn *conn, over *link.Over) {
	if c.conn != conn {
		return
	}
	kind := over.Kind
	isOpening := c.session.Phase == session.Connecting
	fallsBack := isOpening && c.config.Transport == Auto && c.session.Transport == session.WebSocket &&
		over.RetryAfter == 0
	err := &Error{Code: over.Code, Message: over.Message, Position: -1, cause: over.Err}
	if over.Position != nil {
		err.Position = int64(*over.Position)
	}
	switch {
	case isOpening && (kind == link.Refused || kind == link.TooBig || fallsBack):
		// nothing was sent that could be refused; the POST that follows works, or tells the reason
		kind = link.Broken
	case kind == link.TooBig:
		kind = c.tooBig(err)
	case kind == link.Fatal && over.Code == "unauthorized" && c.config.TokenFunc != nil:
		kind = link.Broken
	}
	switch {
	case kind == link.Refused && c.config.OnRefused == Stop, kind == link.Fatal:
		c.stop(err)
	case kind == link.Refused:
		c.refusal = err
		c.again(over)
	case kind == link.TooBig:
		c.tell(session.Event{Kind: session.Again})
	case c.closing && c.queue.Entries == 0:
		// all is acknowledged: how the connection ends makes no difference
		c.tell(session.Event{Kind: session.Close})
	default:
		if !fallsBack {
			c.report(err)
		}
		c.tell(session.Event{Kind: session.Broken, RetryAfter: over.RetryAfter})
	}
}

// again at once; not where the last time did not help.
func (c *Client) again(over *link.Over) {
	if c.unresolved {
		c.tell(session.Event{Kind: session.Broken, RetryAfter: over.RetryAfter})
		return
	}
	c.tell(session.Event{Kind: session.Again})
}

// tooBig: less at a time, down to the entry that is too large alone, which is refused.
func (c *Client) tooBig(err *Error) link.Kind {
	isSure := c.oneByOne || c.session.Transport == session.Post
	c.oneByOne = true
	if !isSure || c.queue.Halve() {
		return link.TooBig
	}
	err.Position = int64(c.queue.Base)
	return link.Refused
}

func (c *Client) foreign(count uint64) {
	c.stop(newError(CodeForeign, nil,
		"another producer writes to stream %s (it has %d events, %d of them ours): give each producer a stream of its own",
		c.key, count, c.queue.Base+uint64(c.queue.Tried)))
}

// report an error that is not the end.
func (c *Client) report(err *Error) { c.reporter.report(Event{Kind: EventError, Err: err}) }

// stop: trying again is of no use; nothing that is held is forgotten.
func (c *Client) stop(err *Error) {
	if c.stopped != nil {
		return
	}
	c.stopped = err
	c.tell(session.Event{Kind: session.Fatal})
	c.reporter.report(Event{Kind: EventError, Err: err, Fatal: true})
	c.fail(err)
	if c.closing {
		c.tell(session.Event{Kind: session.Close})
	}
}
