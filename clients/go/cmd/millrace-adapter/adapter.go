package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	millrace "github.com/millrace/millrace/clients/go"
)

type request struct {
	ID        int
	Op        string
	Options   options
	Events    []json.RawMessage
	Texts     []string
	From, To  int
	Pad       int
	TimeoutMS *int64 `json:"timeout_ms"`
}

type adapter struct {
	client *millrace.Client
	mu     sync.Mutex
	events []map[string]any
}

func (a *adapter) answer(r *request) map[string]any {
	content, err := a.run(r)
	if err != nil {
		code := "error"
		var e *millrace.Error
		if errors.As(err, &e) {
			code = e.Code
		}
		return map[string]any{"ok": false, "code": code, "message": err.Error()}
	}
	if content == nil {
		content = map[string]any{}
	}
	content["ok"] = true
	return content
}

func (a *adapter) run(r *request) (map[string]any, error) {
	if a.client == nil && r.Op != "hello" && r.Op != "connect" {
		return nil, errors.New("connect comes first")
	}
	ctx, cancel := within(r.TimeoutMS)
	defer cancel()
	switch r.Op {
	case "hello":
		name := "go " + strings.TrimPrefix(runtime.Version(), "go")
		return map[string]any{"client": "go", "runtime": name, "features": []string{"websocket", "post", "spool"}}, nil
	case "connect":
		return nil, a.connect(ctx, &r.Options)
	case "send":
		return map[string]any{"taken": each(r.Events, func(e json.RawMessage) bool { return a.client.Send(e) })}, nil
	case "send_raw":
		return map[string]any{"taken": each(r.Texts, func(s string) bool { return a.client.SendJSON([]byte(s)) })}, nil
	case "generate":
		return a.generate(ctx, r)
	case "ready":
		return nil, a.client.Ready(ctx)
	case "flush":
		return nil, a.client.Flush(ctx)
	case "close":
		return map[string]any{"pending": a.close(r.TimeoutMS)}, nil
	case "stats":
		return map[string]any{"stats": statsOf(a.client)}, nil
	case "events":
		return map[string]any{"events": a.reports()}, nil
	}
	return nil, fmt.Errorf("there is no operation %s", r.Op)
}

func (a *adapter) connect(ctx context.Context, o *options) error {
	client, err := millrace.Connect(ctx, o.of(a.report))
	if err == nil {
		a.client = client
	}
	return err
}

// began: a close has its place among the sends.
func (a *adapter) began(r *request) {
	if r.Op != "close" || a.client == nil {
		return
	}
	now, cancel := context.WithCancel(context.Background())
	cancel()
	var e *millrace.Error
	for !errors.As(a.client.Ready(now), &e) || e.Code == millrace.CodeTimeout {
		runtime.Gosched()
	}
}

func (a *adapter) generate(ctx context.Context, r *request) (map[string]any, error) {
	type event struct {
		N   int    `json:"n"`
		Pad string `json:"pad"`
	}
	pad := strings.Repeat("x", r.Pad)
	for n := r.From; n < r.To; n++ {
		for !a.client.Send(event{n, pad}) {
			if err := a.client.Ready(ctx); err != nil {
				return nil, err
			}
		}
	}
	return map[string]any{"taken": r.To - r.From}, nil
}

// close returns how many are left, wherever they are now; 10 s are the default of the other clients.
func (a *adapter) close(timeout *int64) uint64 {
	if timeout == nil {
		timeout = new(int64)
		*timeout = 10_000
	}
	ctx, cancel := within(timeout)
	defer cancel()
	// the stats tell the same
	_ = a.client.Close(ctx)
	s := a.client.Stats()
	return uint64(s.Pending) + s.Dropped[millrace.ReasonClosed]
}

func within(timeout *int64) (context.Context, context.CancelFunc) {
	if timeout == nil {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), time.Duration(*timeout)*time.Millisecond)
}

func each[T any](list []T, send func(T) bool) []bool {
	taken := make([]bool, len(list))
	for i, one := range list {
		taken[i] = send(one)
	}
	return taken
}
