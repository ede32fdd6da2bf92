package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

const subprotocol = "millrace.v1"

// NewWebSocket is a socket of the subprotocol millrace.v1: PROTOCOL.md, section 4.
func NewWebSocket(target *Target) Link { return &socket{target: target} }

type socket struct {
	target *Target
	conn   *websocket.Conn
	start  uint64
	// told is what the gateway said before it closed
	told *Over
}

type frame struct {
	Type         string
	Count        *uint64
	Duplicates   uint64
	Rejected     uint64
	Code         string
	Message      string
	Index        *uint64
	RetryAfterMS int64 `json:"retry_after_ms"`
}

func (s *socket) Open(ctx context.Context) (uint64, *Over) {
	ctx, cancel := context.WithTimeout(ctx, s.target.ConnectTimeout)
	defer cancel()
	url := s.target.eventsURL()
	conn, response, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPClient:   s.target.Client,
		HTTPHeader:   s.target.header(),
		Subprotocols: []string{subprotocol},
	})
	if err != nil {
		return 0, notOpened(response, err)
	}
	s.conn = conn
	if conn.Subprotocol() != subprotocol {
		return 0, broken("WebSocket: the server does not know "+subprotocol, nil)
	}
	conn.SetReadLimit(1 << 20)
	for {
		f, over := s.read(ctx)
		if over != nil {
			return 0, over
		}
		if f.Type == "open" {
			s.start = *f.Count
			return s.start, nil
		}
	}
}

// notOpened: an HTTP error says why, in the form of the answer to a POST.
func notOpened(response *http.Response, err error) *Over {
	if response == nil || response.StatusCode < 300 {
		return broken("WebSocket", err)
	}
	_, over := judge(response)
	return over
}

func (s *socket) Send(ctx context.Context, bodies [][]byte, _ uint64) (*Ack, *Over) {
	for _, body := range bodies {
		if err := s.conn.Write(ctx, websocket.MessageBinary, body); err != nil {
			// the gateway may have told why before it closed: Listen knows, or the ack is late
			return nil, nil
		}
	}
	return nil, nil
}

func (s *socket) Listen(ctx context.Context, acked func(Ack)) *Over {
	for {
		f, over := s.read(ctx)
		if over != nil {
			return over
		}
		if f.Type == "ack" {
			acked(Ack{*f.Count, f.Duplicates, f.Rejected})
		}
	}
}

// read gives the next open or ack.
func (s *socket) read(ctx context.Context) (*frame, *Over) {
	for {
		_, data, err := s.conn.Read(ctx)
		if err != nil {
			return nil, s.closed(err)
		}
		var f frame
		if json.Unmarshal(data, &f) != nil {
			continue // not of this protocol: without acks the connection is given up
		}
		switch f.Type {
		case "open", "ack":
			if f.Count != nil && *f.Count <= maxCount {
				return &f, nil
			}
		case "error":
			s.told = s.tell(&f)
		}
	}
}

func (s *socket) tell(f *frame) *Over {
	over := &Over{
		Kind:       meaning(f.Code, 0),
		Code:       f.Code,
		Message:    f.Message,
		RetryAfter: time.Duration(f.RetryAfterMS) * time.Millisecond,
	}
	if over.Kind == Refused && f.Index != nil {
		position := s.start + *f.Index
		over.Position = &position
	}
	return over
}

var ofStatus = map[websocket.StatusCode]Kind{
	websocket.StatusNormalClosure:           Ended,
	websocket.StatusInvalidFramePayloadData: Refused,
	websocket.StatusPolicyViolation:         Fatal,
	websocket.StatusMessageTooBig:           TooBig,
}

func (s *socket) closed(err error) *Over {
	if s.told != nil {
		return s.told
	}
	var closed websocket.CloseError
	if !errors.As(err, &closed) {
		return broken("WebSocket", err)
	}
	// the reason is `code: message`
	code, _, ok := strings.Cut(closed.Reason, ":")
	kind := ofStatus[closed.Code]
	if !ok || kind == Broken {
		code = Unreachable
	}
	return &Over{Kind: kind, Code: code, Message: fmt.Sprintf("WebSocket closed (%d): %s", closed.Code, closed.Reason)}
}

func (s *socket) End(ctx context.Context) {
	// where it fails the connection is over, and Listen says so
	_ = s.conn.Write(ctx, websocket.MessageBinary, nil)
}

func (s *socket) Close() {
	if s.conn != nil {
		// what it says of a connection that is given up is of no use
		_ = s.conn.CloseNow()
	}
}
