package millrace_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	millrace "github.com/millrace/millrace/clients/go"
)

func TestWaitingForRoomEndsWithTheEventOrItsContext(t *testing.T) {
	c, err := millrace.Connect(context.Background(), millrace.Options{URL: "http://127.0.0.1:1", MaxBytes: 10, OnEvent: func(millrace.Event) {}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	var failure *millrace.Error
	if err := c.SendWait(ctx, math.NaN()); !errors.As(err, &failure) || failure.Code != millrace.CodeInvalid {
		t.Errorf("NaN: %v", err)
	}
	if err := c.SendWait(ctx, "12345678"); err != nil {
		t.Errorf("an event for which there is room: %v", err)
	}
	if err := c.SendWait(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without room: %v", err)
	}
	if err := c.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ready: %v", err)
	}
	ended, end := context.WithCancel(context.Background())
	end()
	_ = c.Close(ended)
}
