package main

import (
	"encoding/json"
	"strings"
)

// bytes of an event's JSON text; 150 with its line feed
const eventBytes = 149

// An event as load/client-events.ts makes it, in a number of twelve digits that no other has.
type event struct {
	Seq     int64   `json:"seq"`
	Level   string  `json:"level"`
	Service string  `json:"service"`
	Path    string  `json:"path"`
	Ms      float64 `json:"ms"`
	Trace   string  `json:"trace"`
}

const first = 100_000_000_000

var (
	levels   = []string{"debug", "info", "info", "warn", "error"}
	services = []string{"checkout", "search", "cart", "billing", "auth", "mail"}
	paths    = []string{"/api/orders", "/api/items", "/api/users", "/health", "/api/cart/lines"}
)

// events gives event n: one of a few, with its number put in.
func events() func(n int) *event {
	made := make([]event, 1024)
	for k := range made {
		made[k] = event{
			Seq:     first,
			Level:   levels[k%len(levels)],
			Service: services[k%len(services)],
			Path:    paths[k%len(paths)],
			Ms:      float64(k*7919%90000) / 100,
		}
		text, err := json.Marshal(made[k])
		if err != nil {
			panic(err)
		}
		made[k].Trace = strings.Repeat("5c1d0e9f", 16)[:eventBytes-len(text)]
	}
	return func(n int) *event {
		e := &made[n%len(made)]
		e.Seq = first + int64(n)
		return e
	}
}
