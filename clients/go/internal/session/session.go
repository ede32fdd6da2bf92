// Package session is the life of a client without its I/O: Step gives the next state and what is to be done.
//
//	                    opened                  fatal
//	Begin ─▶ connecting ────────▶ open    all but ────▶ stopped    any ────▶ closed
//	          ▲    │ ▲             │ │    closed                       close
//	  elapsed │    │ └again,upgrade┘ │
//	          │    ▼ broken          │
//	         waiting ◀───────broken──┘
//
// Auto tries a WebSocket first. Where that does not open a POST is tried at once: it works, or tells the reason. Not
// where the gateway asked for a wait.
package session

import "time"

// A Phase is where in its life a client is.
type Phase uint8

// All phases.
const (
	Connecting Phase = iota
	Open
	Waiting
	Stopped
	Closed
	phases
)

var phaseNames = [phases]string{"connecting", "open", "waiting", "stopped", "closed"}

func (p Phase) String() string { return phaseNames[p] }

// A Transport is a way to bring events to the gateway; Auto is none by itself.
type Transport uint8

// All transports.
const (
	Auto Transport = iota
	WebSocket
	Post
)

// A State is all that Step remembers.
type State struct {
	Phase     Phase
	Transport Transport
	// Failures since the last ack.
	Failures int
}

// A Kind says what happened.
type Kind uint8

// All events.
const (
	Opened Kind = iota
	// Progress: entries were acknowledged.
	Progress
	// Broken: the connection, or the attempt to have one, failed.
	Broken
	// Again: connect anew at once, as an event is to be left out, a batch to be cut, or the key is another one.
	Again
	// Upgrade: after a while over POST a WebSocket is tried again.
	Upgrade
	Fatal
	// Elapsed: the wait is over.
	Elapsed
	Close
	kinds
)

// An Event is a Kind, and for Broken the least time to wait.
type Event struct {
	Kind       Kind
	RetryAfter time.Duration
}

// A Do is what the caller of Step has to do.
type Do uint8

// All effects.
const (
	Nothing Do = iota
	Dial
	Wait
	HangUp
)

// An Effect is a Do, and for Wait how long.
type Effect struct {
	Do   Do
	Wait time.Duration
}

// Config does not change in the life of a client.
type Config struct {
	Transport          Transport
	RetryMin, RetryMax time.Duration
	// Random gives numbers from 0 to below 1.
	Random func() float64
}

// Begin is the state of a client that dials for the first time.
func Begin(transport Transport) State {
	return State{Phase: Connecting, Transport: first(transport)}
}

// Step is pure but for Config.Random.
func Step(s State, e Event, c *Config) (State, Effect) {
	if handle := table[s.Phase][e.Kind]; handle != nil {
		return handle(s, e, c)
	}
	return s, Effect{}
}

type handler func(State, Event, *Config) (State, Effect)

// What is not in the table changes nothing.
var table = [phases][kinds]handler{
	Connecting: {Opened: opened, Broken: fallBack, Again: dial, Fatal: stop, Close: end},
	Open:       {Progress: progress, Broken: wait, Again: dial, Upgrade: upgrade, Fatal: stop, Close: end},
	Waiting:    {Elapsed: dial, Fatal: stop, Close: end},
	Stopped:    {Close: end},
	Closed:     {},
}

func opened(s State, _ Event, _ *Config) (State, Effect) { return s.in(Open), Effect{} }
func dial(s State, _ Event, _ *Config) (State, Effect)   { return s.in(Connecting), Effect{Do: Dial} }
func stop(s State, _ Event, _ *Config) (State, Effect)   { return s.in(Stopped), Effect{Do: HangUp} }
func end(s State, _ Event, _ *Config) (State, Effect)    { return s.in(Closed), Effect{Do: HangUp} }

func progress(s State, _ Event, _ *Config) (State, Effect) {
	s.Failures = 0
	return s, Effect{}
}

func upgrade(s State, _ Event, _ *Config) (State, Effect) {
	return State{Phase: Connecting, Transport: WebSocket, Failures: s.Failures}, Effect{Do: Dial}
}

func fallBack(s State, e Event, c *Config) (State, Effect) {
	if c.Transport != Auto || s.Transport != WebSocket || e.RetryAfter > 0 {
		return wait(s, e, c)
	}
	s.Transport = Post
	return s, Effect{Do: Dial}
}

// wait doubles with every failure; half of it is chance, so that clients do not come back all at once.
func wait(s State, e Event, c *Config) (State, Effect) {
	longest := c.RetryMin
	for n := 0; n < s.Failures && longest < c.RetryMax; n++ {
		longest *= 2
	}
	longest = min(longest, c.RetryMax)
	pause := longest/2 + time.Duration(c.Random()*float64(longest/2))
	if c.Transport == Auto {
		s.Transport = WebSocket
	}
	s.Failures++
	return s.in(Waiting), Effect{Do: Wait, Wait: max(pause, e.RetryAfter)}
}

func (s State) in(phase Phase) State {
	s.Phase = phase
	return s
}

func first(transport Transport) Transport {
	if transport == Auto {
		return WebSocket
	}
	return transport
}
