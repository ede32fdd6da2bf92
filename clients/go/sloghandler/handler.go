// Package sloghandler sends the records of log/slog to a Millrace gateway, each as one JSON event.
//
//	logger := slog.New(sloghandler.New(client, nil))
//
// The events have the form of slog.JSONHandler: time, level, msg, then the attributes, groups as objects.
package sloghandler

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
)

// A Handler never waits: a record for which there is no room is counted by Lost. It is made by New.
type Handler struct {
	json slog.Handler
	out  *counter
}

// New makes a handler. Each write to the client has to be one event that is taken or refused at once, as of a
// *millrace.Client. options nil: those of slog.JSONHandler. The client's own Logger must not lead back to it.
func New(client io.Writer, options *slog.HandlerOptions) *Handler {
	out := &counter{client: client}
	return &Handler{json: slog.NewJSONHandler(out, options), out: out}
}

// Lost tells how many records could not be handed over, also by handlers that were derived from this one.
func (h *Handler) Lost() uint64 { return h.out.lost.Load() }

// Enabled is as of slog.JSONHandler.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.json.Enabled(ctx, level)
}

// Handle hands one record over; the error says why that is not possible.
func (h *Handler) Handle(ctx context.Context, record slog.Record) error {
	return h.json.Handle(ctx, record)
}

// WithAttrs returns a handler whose records have these too.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Handler{json: h.json.WithAttrs(attrs), out: h.out}
}

// WithGroup returns a handler whose further attributes are in this group.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{json: h.json.WithGroup(name), out: h.out}
}

type counter struct {
	client io.Writer
	lost   atomic.Uint64
}

func (c *counter) Write(line []byte) (int, error) {
	n, err := c.client.Write(line)
	if err != nil {
		c.lost.Add(1)
	}
	return n, err
}
