package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	millrace "github.com/millrace/millrace/clients/go"
)

// send brings events through the client to a gateway, and waits until all are acknowledged.
func send(c config) (any, error) {
	ctx := context.Background()
	client, err := millrace.Connect(ctx, millrace.Options{
		URL:       fmt.Sprintf("http://127.0.0.1:%d", c.Port),
		Stream:    "bench",
		Transport: millrace.WebSocket,
	})
	if err != nil {
		return nil, err
	}
	eventOf := events()
	result, err := measured(c, func(from, to int) error {
		for n := from; n < to; n++ {
			for !client.Send(eventOf(n)) {
				if err := client.Ready(ctx); err != nil {
					return err
				}
			}
		}
		return client.Flush(ctx)
	})
	if err != nil {
		return nil, err
	}
	if err := client.Close(ctx); err != nil {
		return nil, err
	}
	result.Acked = client.Stats().Acked
	return result, nil
}

// until the collector has had its turn
const rest = 3 * time.Second

// backlog measures what the client holds while nobody takes it.
func backlog(c config) (any, error) {
	client, err := millrace.Connect(context.Background(), millrace.Options{
		URL:      fmt.Sprintf("http://127.0.0.1:%d", c.Port),
		MaxBytes: 1 << 31,
		// that nobody answers is as it should be
		OnEvent: func(millrace.Event) {},
	})
	if err != nil {
		return nil, err
	}
	eventOf := events()
	time.Sleep(rest)
	before, err := resident()
	if err != nil {
		return nil, err
	}
	for n := range c.Events {
		if !client.Send(eventOf(n)) {
			return nil, fmt.Errorf("event %d was refused", n)
		}
	}
	time.Sleep(rest)
	after, err := resident()
	if err != nil {
		return nil, err
	}
	if held := client.Stats().Pending; held != c.Events {
		return nil, fmt.Errorf("%d of %d events are held", held, c.Events)
	}
	return map[string]int{"grown": after - before, "text": c.Events * (eventBytes + 1)}, nil
}

// resident is this process's memory in bytes.
func resident() (int, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
	return kilobytes * 1024, err
}
