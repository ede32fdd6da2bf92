package session

import (
	"testing"
	"time"
)

var config = Config{RetryMin: 100 * time.Millisecond, RetryMax: 30 * time.Second, Random: func() float64 { return 0.5 }}

// outcome: for each phase what each event leads to.
type outcome struct {
	phase Phase
	do    Do
}

var expected = map[Phase]map[Kind]outcome{
	Connecting: {
		Opened: {Open, Nothing}, Progress: {Connecting, Nothing}, Broken: {Waiting, Wait}, Again: {Connecting, Dial},
		Upgrade: {Connecting, Nothing}, Fatal: {Stopped, HangUp}, Elapsed: {Connecting, Nothing},
		Close: {Closed, HangUp},
	},
	Open: {
		Opened: {Open, Nothing}, Progress: {Open, Nothing}, Broken: {Waiting, Wait}, Again: {Connecting, Dial},
		Upgrade: {Connecting, Dial}, Fatal: {Stopped, HangUp}, Elapsed: {Open, Nothing},
		Close: {Closed, HangUp},
	},
	Waiting: {
		Opened: {Waiting, Nothing}, Progress: {Waiting, Nothing}, Broken: {Waiting, Nothing}, Again: {Waiting, Nothing},
		Upgrade: {Waiting, Nothing}, Fatal: {Stopped, HangUp}, Elapsed: {Connecting, Dial},
		Close: {Closed, HangUp},
	},
	Stopped: {
		Opened: {Stopped, Nothing}, Progress: {Stopped, Nothing}, Broken: {Stopped, Nothing}, Again: {Stopped, Nothing},
		Upgrade: {Stopped, Nothing}, Fatal: {Stopped, Nothing}, Elapsed: {Stopped, Nothing},
		Close: {Closed, HangUp},
	},
	Closed: {
		Opened: {Closed, Nothing}, Progress: {Closed, Nothing}, Broken: {Closed, Nothing}, Again: {Closed, Nothing},
		Upgrade: {Closed, Nothing}, Fatal: {Closed, Nothing}, Elapsed: {Closed, Nothing},
		Close: {Closed, Nothing},
	},
}

func TestEveryStateMeetsEveryEvent(t *testing.T) {
	for phase := range phases {
		for kind := range kinds {
			want, ok := expected[phase][kind]
			if !ok {
				t.Errorf("%v: nothing is expected of event %d", phase, kind)
				continue
			}
			next, effect := Step(State{Phase: phase, Transport: Post, Failures: 1}, Event{Kind: kind}, &config)
			if next.Phase != want.phase || effect.Do != want.do {
				t.Errorf("%v, event %d: %v and effect %d, want %v and %d",
					phase, kind, next.Phase, effect.Do, want.phase, want.do)
			}
		}
	}
}

func TestWaitDoublesUpToItsMostWithHalfOfItChance(t *testing.T) {
	s := State{Phase: Open, Transport: WebSocket}
	for _, want := range []time.Duration{75, 150, 300, 600, 1200, 2400, 4800, 9600, 19200, 22500, 22500} {
		var effect Effect
		s.Phase = Open
		s, effect = Step(s, Event{Kind: Broken}, &config)
		if effect.Wait != want*time.Millisecond {
			t.Fatalf("failure %d: wait %v, want %vms", s.Failures, effect.Wait, int(want))
		}
	}
}

func TestWaitIsAtLeastWhatTheGatewayAskedFor(t *testing.T) {
	_, effect := Step(State{Phase: Open}, Event{Kind: Broken, RetryAfter: time.Minute}, &config)
	if effect.Wait != time.Minute {
		t.Fatalf("wait %v", effect.Wait)
	}
}

func TestAnAckForgetsTheFailures(t *testing.T) {
	s, _ := Step(State{Phase: Open, Failures: 7}, Event{Kind: Progress}, &config)
	if s.Failures != 0 {
		t.Fatalf("%d failures", s.Failures)
	}
}

func TestAutoTriesAPostWhereNoWebSocketOpens(t *testing.T) {
	s := Begin(Auto)
	if s.Transport != WebSocket {
		t.Fatalf("begins with %v", s.Transport)
	}
	s, effect := Step(s, Event{Kind: Broken}, &config)
	if s.Transport != Post || effect.Do != Dial {
		t.Fatalf("then %v, effect %d", s.Transport, effect.Do)
	}
	s, effect = Step(s, Event{Kind: Broken}, &config)
	if s.Phase != Waiting || s.Transport != WebSocket || effect.Do != Wait {
		t.Fatalf("then %v over %v, effect %d", s.Phase, s.Transport, effect.Do)
	}
}

func TestAutoWaitsWhereItWasAskedTo(t *testing.T) {
	s, effect := Step(Begin(Auto), Event{Kind: Broken, RetryAfter: time.Second}, &config)
	if s.Phase != Waiting || effect.Wait != time.Second {
		t.Fatalf("%v, wait %v", s.Phase, effect.Wait)
	}
}

func TestAGivenTransportIsKept(t *testing.T) {
	only := config
	only.Transport = WebSocket
	s, effect := Step(Begin(WebSocket), Event{Kind: Broken}, &only)
	if s.Phase != Waiting || s.Transport != WebSocket || effect.Do != Wait {
		t.Fatalf("%v over %v, effect %d", s.Phase, s.Transport, effect.Do)
	}
}
