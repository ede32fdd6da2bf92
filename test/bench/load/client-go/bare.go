package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/coder/websocket"
)

// bare is what a program without the client would write: one message an event, and no acks.
func bare(c config) (any, error) {
	ctx := context.Background()
	conn, _, err := websocket.Dial(ctx, fmt.Sprintf("ws://127.0.0.1:%d", c.Port), nil)
	if err != nil {
		return nil, err
	}
	eventOf := events()
	result, err := measured(c, func(from, to int) error {
		for n := from; n < to; n++ {
			text, err := json.Marshal(eventOf(n))
			if err != nil {
				return err
			}
			if err := conn.Write(ctx, websocket.MessageText, text); err != nil {
				return err
			}
		}
		// the server says when it has all
		_, _, err := conn.Read(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, conn.CloseNow()
}
