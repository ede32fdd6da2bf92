package millrace

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// Options of a client; the zero value of each but URL is its default.
type Options struct {
	// URL of the gateway, http(s)://host:port or ws(s)://…, with a path prefix where a proxy needs one.
	URL string
	// Token where the gateway needs one.
	Token string
	// TokenFunc, in place of Token, is asked at every connection, so that tokens can be renewed.
	TokenFunc func(context.Context) (string, error)
	// Stream is the key of the stream. Default: a new one, see Client.Key.
	Stream string
	// Replay: Send begins at position 0 again; what the stream has already is skipped.
	Replay bool
	// Append: begins behind what the stream has already, in place of a key of its own; for one producer at a time.
	Append bool
	// Epoch fences off every producer with a lower one. Default: that of the spool, else the stream's current one.
	Epoch uint64
	// Transport is how to connect. Default Auto.
	Transport Transport
	// Overflow is what Send does without room. Default Refuse.
	Overflow Overflow
	// OnRefused is what becomes of an event that the gateway refuses. Default Skip.
	OnRefused OnRefused
	// SpoolDir is a folder that keeps what is not acknowledged, over the end of the process too. Default: none.
	SpoolDir string
	// MaxBytes of JSON text that waits for its ack. Default 64 MiB.
	MaxBytes int
	// MaxEventBytes is the largest event. Default 16 MiB, as the gateway's.
	MaxEventBytes int
	// BatchBytes: a batch goes out at this size. Default 64 KiB.
	BatchBytes int
	// BatchDelay: or when its first event is so old. Default 10 ms.
	BatchDelay time.Duration
	// WindowBytes are sent and not acknowledged at a time. Default 4 MiB.
	WindowBytes int
	// Gzip bodies; over POST only.
	Gzip bool
	// AckTimeout: a connection without an ack for so long, while some are due, is broken. Default 20 s.
	AckTimeout time.Duration
	// ConnectTimeout of one attempt. Default 10 s.
	ConnectTimeout time.Duration
	// RetryMin and RetryMax are the first and longest wait after a failure. Default 100 ms and 30 s.
	RetryMin, RetryMax time.Duration
	// HTTPClient for proxies, certificates, tests; it follows no redirects. Default: one of the client's own.
	HTTPClient *http.Client
	// OnEvent hears what happens, one event after the other; it may call the client, but must not wait in Close.
	OnEvent func(Event)
	// Logger hears of losses, errors and the end. Default: lines on stderr, where there is no OnEvent. It must not
	// write to this client.
	Logger *slog.Logger
}

// Transport names a way to bring events to the gateway.
type Transport string

// All transports.
const (
	// Auto: WebSocket, and POST where none opens.
	Auto      Transport = "auto"
	WebSocket Transport = "websocket"
	Post      Transport = "post"
)

// Overflow is a policy for a client whose memory is full (PROTOCOL.md, 7.4).
type Overflow string

// All policies.
const (
	// Refuse: Send returns false; the caller waits with Ready and sends it again.
	Refuse Overflow = "refuse"
	// DropNewest: Send returns false, and the event counts as lost.
	DropNewest Overflow = "drop_newest"
	// DropOldest: the oldest events that were never sent go.
	DropOldest Overflow = "drop_oldest"
)

// OnRefused is a policy for events that the gateway refuses.
type OnRefused string

// All policies.
const (
	// Skip leaves it out, counts and reports it.
	Skip OnRefused = "skip"
	// Stop ends the client.
	Stop OnRefused = "stop"
	// DeadLetter makes the gateway keep it as a dead letter.
	DeadLetter OnRefused = "dead_letter"
)
