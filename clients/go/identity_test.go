package millrace_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	millrace "github.com/millrace/millrace/clients/go"
	"github.com/millrace/millrace/clients/go/internal/livegateway"
)

func TestAKeyThatIsInUseIsLeftAlone(t *testing.T) {
	eachTransport(t, func(t *testing.T, g *livegateway.Gateway, transport millrace.Transport) {
		key := "taken " + string(transport)
		g.Post("epoch=3&stream="+strings.ReplaceAll(key, " ", "%20"), `"theirs"`)
		for _, o := range []millrace.Options{{}, {Epoch: 7}, {SpoolDir: t.TempDir()}} {
			o.URL, o.Transport, o.Stream = g.URL, transport, key
			c, _ := connect(t, o)
			send(t, c, "ours")
			closeWell(t, c)
			if !strings.HasPrefix(c.Key(), key+".") || len(c.Key()) < len(key)+17 {
				t.Errorf("the key is %q", c.Key())
			}
			if found := g.Events(c.Key()); !slices.Equal(found, []string{`"ours"`}) {
				t.Errorf("%v", found)
			}
		}
		if status, answer := g.Post("epoch=3&offset=1&stream="+strings.ReplaceAll(key, " ", "%20"), "1"); status != 200 {
			t.Errorf("the other producer is disturbed: %d %s", status, answer)
		}
	})
}

func TestAHigherEpochFencesOffTheOneBefore(t *testing.T) {
	eachTransport(t, func(t *testing.T, g *livegateway.Gateway, transport millrace.Transport) {
		key := "fenced-" + string(transport)
		first, h := connect(t, millrace.Options{URL: g.URL, Transport: transport, Stream: key, Epoch: 1})
		send(t, first, 0)
		if err := first.Flush(soon(t)); err != nil {
			t.Fatal(err)
		}
		second, _ := connect(t, millrace.Options{URL: g.URL, Transport: transport, Stream: key, Epoch: 2, Append: true})
		send(t, second, 1)
		closeWell(t, second)
		send(t, first, 2)
		var e *millrace.Error
		if err := first.Flush(soon(t)); !errors.As(err, &e) || e.Code != "fenced" {
			t.Errorf("flush: %v", err)
		}
		if s := first.Stats(); s.State != millrace.Stopped || s.Pending != 1 || first.Send(3) {
			t.Errorf("%+v, %v", s, h.codes())
		}
		if found := g.Events(key); !slices.Equal(found, []string{"0", "1"}) {
			t.Errorf("%v", found)
		}
	})
}

func TestAnotherProducerOnTheStreamIsFoundOut(t *testing.T) {
	eachTransport(t, func(t *testing.T, g *livegateway.Gateway, transport millrace.Transport) {
		key := "foreign-" + string(transport)
		c, _ := connect(t, millrace.Options{URL: g.URL, Transport: transport, Stream: key})
		send(t, c, 0)
		if err := c.Flush(soon(t)); err != nil {
			t.Fatal(err)
		}
		g.Post("stream="+key, `1 2 3`)
		send(t, c, "ours")
		var e *millrace.Error
		if err := c.Flush(soon(t)); !errors.As(err, &e) || e.Code != millrace.CodeForeign {
			t.Errorf("flush: %v", err)
		}
	})
}

func TestAStreamThatWasDeletedIsReportedAndGoneOnWith(t *testing.T) {
	g := livegateway.Start(t)
	p := livegateway.NewProxy(t, g.URL)
	c, h := connect(t, millrace.Options{URL: p.URL, Stream: "gone", Transport: millrace.Post})
	send(t, c, 0)
	if err := c.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	g.Delete("gone")
	send(t, c, 1)
	if err := c.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	if found := g.Events("gone"); !slices.Equal(found, []string{"1"}) || h.first(millrace.CodeRegressed) == nil {
		t.Errorf("%v, %v", found, h.codes())
	}
}

func TestReplaySkipsWhatTheStreamHas(t *testing.T) {
	eachTransport(t, func(t *testing.T, g *livegateway.Gateway, transport millrace.Transport) {
		key := "replay-" + string(transport)
		g.Post("stream="+key, "0 1 2 3 4")
		p := livegateway.NewProxy(t, g.URL)
		c, h := connect(t, millrace.Options{URL: p.URL, Transport: transport, Stream: key, Replay: true})
		send(t, c, 0)
		send(t, c, 1)
		if err := c.Flush(soon(t)); err != nil {
			t.Fatal(err)
		}
		// a break while the caller is still below what the stream has
		p.Cut()
		until(t, "it connects again", func() bool { return c.Stats().Connects > 1 || transport == millrace.Post })
		for n := 2; n < 8; n++ {
			send(t, c, n)
		}
		if err := c.Flush(soon(t)); err != nil {
			t.Fatalf("%v, %v", err, h.codes())
		}
		closeWell(t, c)
		if found := strings.Join(g.Events(key), " "); found != "0 1 2 3 4 5 6 7" {
			t.Errorf("%v", found)
		}
		if s := c.Stats(); s.Acked != 8 || s.Duplicates != 5 {
			t.Errorf("%+v", s)
		}
	})
}

func TestAppendBeginsBehindWhatTheStreamHas(t *testing.T) {
	g := livegateway.Start(t)
	g.Post("stream=append", "0 1")
	c, _ := connect(t, millrace.Options{URL: g.URL, Stream: "append", Append: true})
	send(t, c, 2)
	closeWell(t, c)
	if found := strings.Join(g.Events("append"), " "); found != "0 1 2" || c.Key() != "append" {
		t.Errorf("%v", found)
	}
}

func TestATokenIsAskedForAtEveryConnection(t *testing.T) {
	g := livegateway.Start(t)
	token := g.CLI("token", "create", "writer", "--scope", "ingest,read")
	g.Token = token[strings.LastIndexAny(token, " \n")+1:]
	g.Kill()
	g.Restart()
	for _, transport := range append(transports, millrace.Auto) {
		t.Run(string(transport), func(t *testing.T) {
			refused, _ := connect(t, millrace.Options{URL: g.URL, Transport: transport, Token: "wrong"})
			send(t, refused, 0)
			var e *millrace.Error
			if err := refused.Flush(soon(t)); !errors.As(err, &e) || e.Code != "unauthorized" {
				t.Errorf("flush: %v", err)
			}
			if strings.Contains(e.Error(), "wrong") || refused.Stats().Pending != 1 {
				t.Errorf("%v, %+v", e, refused.Stats())
			}

			asked := 0
			renewed, _ := connect(t, millrace.Options{
				URL: g.URL, Transport: transport, RetryMin: time.Millisecond, RetryMax: 10 * time.Millisecond,
				TokenFunc: func(context.Context) (string, error) {
					asked++
					switch {
					case asked < 3:
						return "expired", nil
					case asked < 5:
						return "", errors.New("no token now")
					}
					return g.Token, nil
				},
			})
			send(t, renewed, 0)
			closeWell(t, renewed)
			if count := g.Count(renewed.Key()); count != 1 {
				t.Errorf("%d events are stored", count)
			}
		})
	}
}

func TestOptionsThatMakeNoSenseAreErrors(t *testing.T) {
	for want, o := range map[string]millrace.Options{
		"URL":                   {},
		"is not of the form":    {URL: "ftp://x"},
		"Stream":                {URL: nowhere, Stream: "a\nb"},
		"MaxBytes":              {URL: nowhere, MaxBytes: -1},
		"AckTimeout":            {URL: nowhere, AckTimeout: -1},
		"Transport":             {URL: nowhere, Transport: "smoke"},
		"Overflow":              {URL: nowhere, Overflow: "spill"},
		"OnRefused":             {URL: nowhere, OnRefused: "cry"},
		"Epoch":                 {URL: nowhere, Epoch: 1 << 53},
		"Replay":                {URL: nowhere, Replay: true, SpoolDir: "x"},
		"Token and TokenFunc":   {URL: nowhere, Token: "a", TokenFunc: func(context.Context) (string, error) { return "", nil }},
		"Gzip: only a POST can": {URL: nowhere, Gzip: true, Transport: millrace.WebSocket},
	} {
		_, err := millrace.Connect(context.Background(), o)
		var e *millrace.Error
		if !errors.As(err, &e) || e.Code != millrace.CodeInvalid || !strings.Contains(e.Message, want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
