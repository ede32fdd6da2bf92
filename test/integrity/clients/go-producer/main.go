// The producer in Go of test/integrity/clients; ts-producer.ts tells what such a program does.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	millrace "github.com/millrace/millrace/clients/go"
)

// for what waits for its ack when all is sent
const patience = 60 * time.Second

type config struct {
	Key        string
	URL        string
	Transport  string
	Spool      string
	Ledger     string
	Events     int
	MaxBytes   int
	BatchBytes int
	Skip       int
}

type event struct {
	Lane string `json:"lane"`
	N    int    `json:"n"`
	Pad  string `json:"pad"`
}

func main() {
	var c config
	if err := json.Unmarshal([]byte(os.Args[1]), &c); err != nil {
		give(nil, "config: %v", err)
	}
	client, err := millrace.Connect(context.Background(), millrace.Options{
		URL:            c.URL,
		Stream:         c.Key,
		Transport:      millrace.Transport(c.Transport),
		SpoolDir:       c.Spool,
		MaxBytes:       c.MaxBytes,
		BatchBytes:     c.BatchBytes,
		AckTimeout:     time.Second,
		ConnectTimeout: time.Second,
		RetryMin:       20 * time.Millisecond,
		RetryMax:       200 * time.Millisecond,
		OnEvent:        watch,
	})
	if err != nil {
		give(nil, "connect: %v", err)
	}
	fmt.Printf("{\"found\":%d}\n", client.Stats().Pending)
	if err := produce(client, c, listen()); err != nil {
		give(client, "%v", err)
	}
	out, err := json.Marshal(map[string]any{"duplicates": client.Stats().Duplicates})
	if err != nil {
		give(client, "stats: %v", err)
	}
	fmt.Println(string(out))
}

func produce(client *millrace.Client, c config, orders *orders) error {
	ledger, err := openLedger(c.Ledger)
	if err != nil {
		return err
	}
	for n := ledger.next; n < c.Events; n++ {
		dying := orders.wait(n)
		if err := ledger.trying(n); err != nil {
			return err
		}
		for n != c.Skip && !send(client, c.Key, n) {
			if err := client.Ready(context.Background()); err != nil {
				return fmt.Errorf("event %d: %w", n, err)
			}
		}
		if dying {
			if err := ledger.mark("certain"); err != nil {
				return err
			}
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := client.Flush(ctx); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	if err := client.Close(ctx); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	if left := client.Stats().Pending; left > 0 {
		return fmt.Errorf("%d events are left after close", left)
	}
	return ledger.mark("flushed")
}

// send takes the two ways in turns.
func send(client *millrace.Client, lane string, n int) bool {
	e := event{lane, n, strings.Repeat("x", n*7919%211)}
	if n%2 == 0 {
		return client.Send(e)
	}
	text, err := json.Marshal(e)
	return err == nil && client.SendJSON(text)
}

// watch ends the program where the client reports what must not happen here.
func watch(e millrace.Event) {
	switch {
	case e.Kind == millrace.EventDrop:
		give(nil, "dropped %d events: %s", e.Events, e.Reason)
	case e.Kind == millrace.EventError && (e.Fatal || slices.Contains(never, e.Err.Code)):
		give(nil, "%v", e.Err)
	}
}

// every other code is of a connection
var never = []string{millrace.CodeForeign, millrace.CodeRegressed, millrace.CodeSpool, millrace.CodeInvalid}

// orders are the lines on stdin: up to which event it may send by now, or that it is to die.
type orders struct {
	mutex   sync.Mutex
	changed *sync.Cond
	allowed int
	dying   bool
}

func listen() *orders {
	o := &orders{}
	o.changed = sync.NewCond(&o.mutex)
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			o.take(lines.Text())
		}
		// nobody is there any more who would end this process
		os.Exit(3)
	}()
	return o
}

func (o *orders) take(line string) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if line == "die" {
		o.dying = true
	} else if n, err := strconv.Atoi(line); err == nil {
		o.allowed = n
	}
	o.changed.Broadcast()
}

// wait returns once event n may be sent, and whether the process is to die right after.
func (o *orders) wait(n int) bool {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	for n >= o.allowed && !o.dying {
		o.changed.Wait()
	}
	return o.dying
}

func give(client *millrace.Client, format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	if client != nil {
		fmt.Fprintf(os.Stderr, "%+v\n", client.Stats())
	}
	os.Exit(1)
}
