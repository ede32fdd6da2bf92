package millrace

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"unicode/utf8"

	"github.com/millrace/millrace/clients/go/internal/jsontext"
)

// keptBuffer is the largest that goes back to the pool, bytes.
const keptBuffer = 64 * 1024

type encoder struct {
	text bytes.Buffer
	json *json.Encoder
}

var encoders = sync.Pool{New: func() any {
	e := &encoder{}
	e.json = json.NewEncoder(&e.text)
	e.json.SetEscapeHTML(false)
	return e
}}

// Send takes an event (true) or refuses it (false), at once. It is written as by encoding/json, without the escapes for
// HTML. Without room Send refuses: wait with Ready. What is refused for good is told to OnEvent: what cannot be written
// as JSON, or is above MaxEventBytes.
func (c *Client) Send(event any) bool { return c.sendValue(event) == nil }

// SendWait is Send that waits for room. It fails where the event can never be taken, the client is stopped or closed, or
// ctx ends.
func (c *Client) SendWait(ctx context.Context, event any) error {
	for {
		err := c.sendValue(event)
		if err == nil {
			return nil
		}
		if err.Code == CodeInvalid || err.Code == CodeEventTooLarge {
			return while("millrace: send", err)
		}
		if err := c.Ready(ctx); err != nil {
			return err
		}
	}
}

func (c *Client) sendValue(event any) *Error {
	e := encoders.Get().(*encoder)
	defer func() {
		if e.text.Cap() <= keptBuffer {
			e.text.Reset()
			encoders.Put(e)
		}
	}()
	if err := e.json.Encode(event); err != nil {
		return c.refuse(newError(CodeInvalid, err, "write an event as JSON"))
	}
	line := e.text.Bytes()
	line = line[:len(line)-1]
	if !utf8.Valid(line) {
		return c.refuse(newError(CodeInvalid, nil, "write an event as JSON: invalid UTF-8"))
	}
	return c.take(line)
}

// SendJSON is Send of a text that is one JSON value already. Line breaks between its tokens are left out; the text is
// the caller's again when it returns.
func (c *Client) SendJSON(text []byte) bool { return c.sendText(text) == nil }

// Write is SendJSON: one call is one event. It never waits; an event that is refused is an *Error, of CodeFull where
// there is no room.
func (c *Client) Write(text []byte) (int, error) {
	if err := c.sendText(text); err != nil {
		return 0, while("millrace: write", err)
	}
	return len(text), nil
}

func (c *Client) sendText(text []byte) *Error {
	line, err := jsontext.Line(text)
	if err != nil {
		return c.refuse(newError(CodeInvalid, err, "a text is not one JSON value"))
	}
	return c.take(line)
}

// refuse returns err, and tells it.
func (c *Client) refuse(err *Error) *Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Refused++
	c.report(err)
	return err
}

// take returns why the line is refused.
func (c *Client) take(line []byte) *Error {
	if len(line) > c.config.MaxEventBytes {
		return c.refuse(newError(CodeEventTooLarge, nil,
			"an event of %d bytes; %d are allowed (MaxEventBytes)", len(line), c.config.MaxEventBytes))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.ended(); err != nil {
		c.stats.Refused++
		return err
	}
	size := len(line) + 1
	if !c.hasRoom(size) {
		if err := c.makeRoom(size); err != nil {
			return err
		}
	}
	if c.spool != nil {
		if err := c.spool.Append(line); err != nil {
			c.stats.Refused++
			c.unkept = true
			refusal := newError(CodeSpool, err, "keep an event")
			c.report(refusal)
			return refusal
		}
	}
	c.put(line)
	return nil
}

func (c *Client) put(line []byte) {
	full := c.queue.Add(line, c.next, false)
	c.next++
	c.stats.Taken++
	c.needed, c.unkept = 0, false
	if c.queue.Base < c.replayedTo {
		c.settle(c.replayedTo)
	}
	if full {
		c.work.Signal()
	}
	if !c.timing && c.queue.Entries > 0 {
		c.timing = true
		c.batchTimer.Reset(c.config.BatchDelay)
	}
}

func (c *Client) batchIsDue() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timing = false
	c.hurry()
}

// hurry: what is there goes out now.
func (c *Client) hurry() {
	c.due = true
	c.work.Signal()
}
