// Package millrace sends events to a Millrace gateway and loses none: it resumes at the acknowledged count after any
// break, keeps the order, and has each event stored exactly once. The rules are those of clients/PROTOCOL.md.
//
//	client, err := millrace.Connect(ctx, millrace.Options{URL: "http://localhost:4318"})
//	if err != nil { … }
//	defer client.Close(ctx)
//	client.Send(map[string]any{"order": 17})
//
// Send never waits: it takes an event or refuses it, at once. Flush waits until all is stored.
package millrace
