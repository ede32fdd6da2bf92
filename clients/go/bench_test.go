package millrace_test

import (
	"runtime"
	"strings"
	"testing"

	millrace "github.com/millrace/millrace/clients/go"
	"github.com/millrace/millrace/clients/go/internal/livegateway"
)

type record struct {
	N     int    `json:"n"`
	Level string `json:"level"`
	Text  string `json:"text"`
}

// about 150 bytes of JSON
var text = strings.Repeat("x", 110)

// BenchmarkSend is the cost for the caller: encoding, and the queue; what never goes out is dropped.
func BenchmarkSend(b *testing.B) {
	line := []byte(`{"n":123456,"level":"info","text":"` + text + `"}`)
	for name, send := range map[string]func(*millrace.Client, int) bool{
		"struct": func(c *millrace.Client, n int) bool { return c.Send(record{n, "info", text}) },
		"map": func(c *millrace.Client, n int) bool {
			return c.Send(map[string]any{"n": n, "level": "info", "text": text})
		},
		"json": func(c *millrace.Client, n int) bool { return c.SendJSON(line) },
	} {
		b.Run(name, func(b *testing.B) {
			c, _ := connect(b, millrace.Options{URL: nowhere, Overflow: millrace.DropOldest})
			b.ReportAllocs()
			b.ResetTimer()
			for n := range b.N {
				if !send(c, n) {
					b.Fatal("refused")
				}
			}
		})
	}
}

// BenchmarkDeliver is the way to the disk of a real gateway: until all is acknowledged.
func BenchmarkDeliver(b *testing.B) {
	g := livegateway.Start(b)
	line := []byte(`{"n":123456,"level":"info","text":"` + text + `"}`)
	for name, o := range map[string]millrace.Options{
		"websocket": {Transport: millrace.WebSocket},
		"post":      {Transport: millrace.Post},
		"spool":     {Transport: millrace.WebSocket, SpoolDir: b.TempDir()},
	} {
		b.Run(name, func(b *testing.B) {
			o.URL = g.URL
			c, _ := connect(b, o)
			b.ResetTimer()
			for range b.N {
				for !c.SendJSON(line) {
					if err := c.Ready(soon(b)); err != nil {
						b.Fatal(err)
					}
				}
			}
			if err := c.Flush(soon(b)); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func TestABacklogOfAMillionEventsTakesLittleMoreThanItsText(t *testing.T) {
	const events = 1_000_000
	line := []byte(`{"n":123456,"level":"info","text":"` + text + `"}`)
	c, _ := connect(t, millrace.Options{URL: nowhere, MaxBytes: 1 << 30})
	before := heap()
	for range events {
		if !c.SendJSON(line) {
			t.Fatal("refused")
		}
	}
	used, size := heap()-before, c.Stats().PendingBytes
	if used > uint64(size)*11/10 {
		t.Errorf("%d bytes for %d of text", used, size)
	}
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
