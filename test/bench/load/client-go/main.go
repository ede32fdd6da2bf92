// What test/bench/client.bench.ts measures of the Go client: MODE and its configuration as JSON are the arguments, the result
// is printed.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"syscall"
	"time"
)

type config struct {
	Port int
	// before the clock
	Warm   int
	Events int
}

type rate struct {
	EventsPerSecond float64 `json:"eventsPerSecond"`
	// warm-up included
	Acked uint64 `json:"acked,omitempty"`
	// cores that this process took
	CPU float64 `json:"cpu"`
}

func main() {
	modes := map[string]func(config) (any, error){"send": send, "bare": bare, "backlog": backlog}
	var c config
	err := json.Unmarshal([]byte(os.Args[2]), &c)
	if err == nil {
		var result any
		if result, err = modes[os.Args[1]](c); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(result)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// measured runs send for the warm-up, then for the events on the clock; it returns once what was sent has arrived.
func measured(c config, send func(from, to int) error) (rate, error) {
	if err := send(0, c.Warm); err != nil {
		return rate{}, err
	}
	begun, cpu := time.Now(), cpuTime()
	if err := send(c.Warm, c.Warm+c.Events); err != nil {
		return rate{}, err
	}
	took := time.Since(begun).Seconds()
	return rate{EventsPerSecond: float64(c.Events) / took, CPU: (cpuTime() - cpu).Seconds() / took}, nil
}

func cpuTime() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
