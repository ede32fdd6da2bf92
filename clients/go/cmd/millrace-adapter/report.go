package main

import (
	"time"

	millrace "github.com/millrace/millrace/clients/go"
)

type options struct {
	URL              string
	Token            string
	Stream           string
	Replay           bool
	Append           bool
	Epoch            uint64
	Transport        millrace.Transport
	Overflow         millrace.Overflow
	OnRefused        millrace.OnRefused `json:"on_refused"`
	Spool            string
	MaxBytes         int   `json:"max_bytes"`
	BatchBytes       int   `json:"batch_bytes"`
	BatchMS          int64 `json:"batch_ms"`
	WindowBytes      int   `json:"window_bytes"`
	Gzip             bool
	MaxEventBytes    int   `json:"max_event_bytes"`
	AckTimeoutMS     int64 `json:"ack_timeout_ms"`
	ConnectTimeoutMS int64 `json:"connect_timeout_ms"`
	RetryMinMS       int64 `json:"retry_min_ms"`
	RetryMaxMS       int64 `json:"retry_max_ms"`
}

func (o *options) of(report func(millrace.Event)) millrace.Options {
	const ms = time.Millisecond
	return millrace.Options{
		URL: o.URL, Token: o.Token, Stream: o.Stream, Replay: o.Replay, Append: o.Append, Epoch: o.Epoch,
		Transport: o.Transport, Overflow: o.Overflow, OnRefused: o.OnRefused, SpoolDir: o.Spool,
		MaxBytes: o.MaxBytes, MaxEventBytes: o.MaxEventBytes, BatchBytes: o.BatchBytes, WindowBytes: o.WindowBytes,
		Gzip: o.Gzip, BatchDelay: time.Duration(o.BatchMS) * ms, AckTimeout: time.Duration(o.AckTimeoutMS) * ms,
		ConnectTimeout: time.Duration(o.ConnectTimeoutMS) * ms, RetryMin: time.Duration(o.RetryMinMS) * ms,
		RetryMax: time.Duration(o.RetryMaxMS) * ms, OnEvent: report,
	}
}

func (a *adapter) report(e millrace.Event) {
	var event map[string]any
	switch e.Kind {
	case millrace.EventAck:
		event = map[string]any{"count": e.Count}
	case millrace.EventDrop:
		event = map[string]any{"reason": e.Reason, "events": e.Events}
	case millrace.EventState:
		event = map[string]any{"state": e.State}
	case millrace.EventError:
		event = map[string]any{"code": e.Err.Code, "message": e.Err.Message, "fatal": e.Fatal}
		if e.Err.Position >= 0 {
			event["position"] = e.Err.Position
		}
	default:
		return
	}
	event["type"] = e.Kind
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, event)
}

// reports since the last call.
func (a *adapter) reports() []map[string]any {
	a.mu.Lock()
	defer a.mu.Unlock()
	events := a.events
	a.events = nil
	if events == nil {
		events = []map[string]any{}
	}
	return events
}

func statsOf(c *millrace.Client) map[string]any {
	s := c.Stats()
	var transport any
	if s.Transport != "" {
		transport = s.Transport
	}
	return map[string]any{
		"state": s.State, "key": s.Key, "epoch": s.Epoch, "transport": transport, "taken": s.Taken, "refused": s.Refused,
		"acked": s.Acked, "duplicates": s.Duplicates, "rejected": s.Rejected, "dropped": s.Dropped, "pending": s.Pending,
		"pending_bytes": s.PendingBytes, "connects": s.Connects,
	}
}
