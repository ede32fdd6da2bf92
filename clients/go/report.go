package millrace

import (
	"context"
	"log/slog"
	"os"
	"sync"
)

// reportsMost that are not heard yet are kept, but for the last word.
const reportsMost = 1024

// A reporter calls a listener for one event after the other, never under a lock and never where events are sent.
type reporter struct {
	listen func(Event)
	mu     sync.Mutex
	queue  []Event
	// idle is closed when all is heard; nil: nothing is on its way
	idle chan struct{}
}

func newReporter(o *Options) *reporter {
	logger := o.Logger
	if logger == nil && o.OnEvent == nil {
		// not slog.Default, which may write to this client
		logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return &reporter{listen: func(e Event) {
		if logger != nil {
			log(logger, e)
		}
		if o.OnEvent != nil {
			o.OnEvent(e)
		}
	}}
}

func log(logger *slog.Logger, e Event) {
	switch {
	case e.Kind == EventDrop:
		logger.Error("millrace: events were dropped", "reason", e.Reason, "events", e.Events)
	case e.Kind == EventError && e.Fatal:
		logger.Error("millrace: stopped", "code", e.Err.Code, "error", e.Err.Message)
	case e.Kind == EventError:
		logger.Warn("millrace: "+e.Err.Code, "error", e.Err.Message)
	default:
		logger.Debug("millrace: "+string(e.Kind), "count", e.Count, "state", e.State)
	}
}

func (r *reporter) report(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.joins(e) || len(r.queue) >= reportsMost && e.Kind == EventError && !e.Fatal {
		return
	}
	r.queue = append(r.queue, e)
	if r.idle == nil {
		r.idle = make(chan struct{})
		go r.run()
	}
}

// joins: there may be one for every Send.
func (r *reporter) joins(e Event) bool {
	if len(r.queue) == 0 {
		return false
	}
	last := &r.queue[len(r.queue)-1]
	switch {
	case e.Kind == EventAck && last.Kind == EventAck:
		last.Count = e.Count
	case e.Kind == EventDrop && last.Kind == EventDrop && e.Reason == last.Reason:
		last.Events += e.Events
	default:
		return false
	}
	return true
}

func (r *reporter) run() {
	for {
		r.mu.Lock()
		if len(r.queue) == 0 {
			close(r.idle)
			r.idle = nil
			r.mu.Unlock()
			return
		}
		events := r.queue
		r.queue = nil
		r.mu.Unlock()
		for _, e := range events {
			r.listen(e)
		}
	}
}

// wait until all is heard.
func (r *reporter) wait(ctx context.Context) {
	r.mu.Lock()
	idle := r.idle
	r.mu.Unlock()
	if idle == nil {
		return
	}
	select {
	case <-idle:
	case <-ctx.Done():
	}
}
