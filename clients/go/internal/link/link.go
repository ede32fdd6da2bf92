// Package link brings entries to the gateway over one connection, by WebSocket or by POST.
package link

import (
	"context"
	"time"
)

// A Link is one connection. Open comes first. Then one goroutine calls Send, and at last End, while another is in
// Listen. Close, and the end of a context, end everything.
type Link interface {
	// Open tells what the gateway has of the stream.
	Open(ctx context.Context) (count uint64, over *Over)
	// Send takes runs of whole entries, in the order of their positions, without a hole, from the count of Open on.
	// A POST waits for its answer; a WebSocket, whose acks and end come by Listen, returns nil, nil.
	Send(ctx context.Context, bodies [][]byte, position uint64) (*Ack, *Over)
	// Listen calls acked until the connection is over.
	Listen(ctx context.Context, acked func(Ack)) *Over
	// End: all is acknowledged and nothing more will come. Listen then returns with Ended.
	End(ctx context.Context)
	Close()
}

// An Ack is what the gateway has stored: Count of the stream, the others of this connection so far.
type Ack struct{ Count, Duplicates, Rejected uint64 }

// A Kind is what the end of a connection means.
type Kind uint8

// All kinds.
const (
	// Broken: try again.
	Broken Kind = iota
	// Refused: one entry will never be taken.
	Refused
	// TooBig: less at a time.
	TooBig
	// Fatal: trying again is of no use.
	Fatal
	// Ended, as is to be expected after End.
	Ended
)

// Over says how a connection ended.
type Over struct {
	Kind          Kind
	Code, Message string
	// Position of the entry that was refused, nil where the gateway did not tell.
	Position *uint64
	// RetryAfter is the least wait before the next try.
	RetryAfter time.Duration
	// Err is what the system said.
	Err error
}

// Unreachable is the code where no answer came that one could understand.
const Unreachable = "unreachable"

// maxCount: counts are whole numbers up to 2^53-1 (PROTOCOL.md, 1.6).
const maxCount = 1<<53 - 1

func broken(message string, err error) *Over {
	if err != nil {
		message += ": " + err.Error()
	}
	return &Over{Kind: Broken, Code: Unreachable, Message: message, Err: err}
}

// meaning of a code of the gateway; status is 0 on a WebSocket: PROTOCOL.md, 4.6 and 5.6.
func meaning(code string, status int) Kind {
	switch code {
	case "bad_event", "incomplete_event", "too_deep", "bad_utf8", "event_too_large":
		return Refused
	case "body_too_large":
		return TooBig
	case "gap":
		return Broken
	}
	if status == 0 {
		switch code {
		case "fenced", "unauthorized", "forbidden", "bad_request":
			return Fatal
		}
		return Broken
	}
	switch status {
	case 408, 425, 429, 500, 502, 503, 504, 507:
		return Broken
	case 413:
		// a proxy of its own mind: no code of ours, but the same meaning
		return TooBig
	}
	if status > 501 {
		return Broken
	}
	return Fatal
}
