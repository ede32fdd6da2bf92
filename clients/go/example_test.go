package millrace_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	millrace "github.com/millrace/millrace/clients/go"
	"github.com/millrace/millrace/clients/go/sloghandler"
)

func ExampleConnect() {
	gateway := startStandIn()
	defer gateway.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := millrace.Connect(ctx, millrace.Options{URL: gateway.URL, Stream: "orders"})
	if err != nil {
		fmt.Println(err)
		return
	}
	client.Send(map[string]any{"order": 17, "total": 9.5})
	client.SendJSON([]byte(`{"order": 18}`))
	if err := client.Close(ctx); err != nil {
		fmt.Println(err)
	}
	for _, event := range gateway.stored() {
		fmt.Println(event)
	}
	// Output:
	// {"order":17,"total":9.5}
	// {"order": 18}
}

func ExampleClient_Ready() {
	gateway := startStandIn()
	defer gateway.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := millrace.Connect(ctx, millrace.Options{URL: gateway.URL, MaxBytes: 100})
	if err != nil {
		fmt.Println(err)
		return
	}
	for n := range 1000 {
		for !client.Send(n) {
			if err := client.Ready(ctx); err != nil {
				fmt.Println(err)
				return
			}
		}
	}
	if err := client.Close(ctx); err != nil {
		fmt.Println(err)
	}
	fmt.Println(len(gateway.stored()), "events, all in order:", gateway.stored()[999] == "999")
	// Output: 1000 events, all in order: true
}

func Example_slog() {
	gateway := startStandIn()
	defer gateway.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := millrace.Connect(ctx, millrace.Options{URL: gateway.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	logger := slog.New(sloghandler.New(client, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	logger.With("service", "shop").Info("paid", "order", 17)
	if err := client.Close(ctx); err != nil {
		fmt.Println(err)
	}
	fmt.Println(gateway.stored()[0])
	// Output: {"level":"INFO","msg":"paid","service":"shop","order":17}
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		return slog.Attr{}
	}
	return a
}

func ExampleOptions_onEvent() {
	client, err := millrace.Connect(context.Background(), millrace.Options{
		URL:      "http://127.0.0.1:1",
		MaxBytes: 10,
		Overflow: millrace.DropNewest,
		OnEvent: func(e millrace.Event) {
			if e.Kind == millrace.EventDrop {
				fmt.Fprintln(os.Stdout, "lost:", e.Events, e.Reason)
			}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client.Send("12345")
	client.Send("67890")
	over, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(client.Close(over) != nil)
	// Output:
	// lost: 1 drop_newest
	// lost: 1 closed
	// true
}
