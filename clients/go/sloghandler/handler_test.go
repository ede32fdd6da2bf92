package sloghandler_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/slogtest"

	"github.com/millrace/millrace/clients/go/sloghandler"
)

// memory is a client that takes most lines.
type memory struct {
	mu    sync.Mutex
	lines [][]byte
	most  int
}

func (m *memory) Write(line []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.most > 0 && len(m.lines) == m.most {
		return 0, errors.New("full")
	}
	m.lines = append(m.lines, bytes.Clone(line))
	return len(line), nil
}

func (m *memory) last(t *testing.T) map[string]any {
	t.Helper()
	var event map[string]any
	if err := json.Unmarshal(m.lines[len(m.lines)-1], &event); err != nil {
		t.Fatal(err)
	}
	return event
}

func TestTheHandlerDoesWhatSlogAsksOfOne(t *testing.T) {
	var m *memory
	slogtest.Run(t, func(*testing.T) slog.Handler {
		m = &memory{}
		return sloghandler.New(m, nil)
	}, func(t *testing.T) map[string]any { return m.last(t) })
}

func TestARecordIsOneLineWithItsGroupsAndAttributes(t *testing.T) {
	m := &memory{}
	logger := slog.New(sloghandler.New(m, &slog.HandlerOptions{Level: slog.LevelDebug}))
	logger.With("a", 1).WithGroup("g").With("b", "two\nlines").Debug("said", slog.Group("h", "c", []int{1, 2}))
	event := m.last(t)
	group := event["g"].(map[string]any)
	if event["msg"] != "said" || event["level"] != "DEBUG" || event["a"] != 1.0 || group["b"] != "two\nlines" {
		t.Errorf("%v", event)
	}
	if len(m.lines) != 1 || bytes.Count(m.lines[0], []byte("\n")) != 1 {
		t.Errorf("%q", m.lines)
	}
}

func TestWhatCouldNotBeHandedOverIsCounted(t *testing.T) {
	m := &memory{most: 2}
	h := sloghandler.New(m, nil)
	derived := slog.New(h).With("a", 1).WithGroup("g")
	var all sync.WaitGroup
	for range 5 {
		all.Add(1)
		go func() {
			defer all.Done()
			derived.Info("x")
			derived.Debug("not enabled")
		}()
	}
	all.Wait()
	if h.Lost() != 3 {
		t.Errorf("%d are lost", h.Lost())
	}
}
