package millrace

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/millrace/millrace/clients/go/internal/session"
)

// upgradeAfter so long over POST a WebSocket is tried again; tests shorten it.
var upgradeAfter = time.Minute

// config is Options, checked and with its defaults.
type config struct {
	Options
	url  *url.URL
	http *http.Client
	// close frees what the client's own HTTP client holds
	close func()
}

func configOf(o Options) (*config, error) {
	c := &config{Options: o, close: func() {}}
	var err error
	if c.url, err = url.Parse(o.URL); err != nil {
		return nil, fmt.Errorf("URL: %w", err)
	}
	c.url.Scheme = strings.Replace(c.url.Scheme, "ws", "http", 1)
	if c.url.Scheme != "http" && c.url.Scheme != "https" || c.url.Host == "" {
		return nil, fmt.Errorf("URL: %q is not of the form http(s)://host or ws(s)://host", o.URL)
	}
	c.setDefaults()
	return c, c.check()
}

func (c *config) setDefaults() {
	const mebi = 1 << 20
	c.Transport = cmp.Or(c.Transport, Auto)
	c.Overflow = cmp.Or(c.Overflow, Refuse)
	c.OnRefused = cmp.Or(c.OnRefused, Skip)
	c.MaxBytes = cmp.Or(c.MaxBytes, 64*mebi)
	c.MaxEventBytes = cmp.Or(c.MaxEventBytes, 16*mebi)
	c.BatchBytes = cmp.Or(c.BatchBytes, mebi/16)
	c.BatchDelay = cmp.Or(c.BatchDelay, 10*time.Millisecond)
	c.WindowBytes = cmp.Or(c.WindowBytes, 4*mebi)
	c.AckTimeout = cmp.Or(c.AckTimeout, 20*time.Second)
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 10*time.Second)
	c.RetryMin = cmp.Or(c.RetryMin, 100*time.Millisecond)
	c.RetryMax = cmp.Or(c.RetryMax, 30*time.Second)
	if c.Gzip && c.Transport == Auto {
		c.Transport = Post
	}
	c.http = &http.Client{}
	if c.HTTPClient != nil {
		*c.http = *c.HTTPClient
	} else if own, ok := http.DefaultTransport.(*http.Transport); ok {
		own = own.Clone()
		c.http.Transport = own
		c.close = own.CloseIdleConnections
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
}

func (c *config) check() error {
	for name, value := range map[string]int64{
		"MaxBytes": int64(c.MaxBytes), "MaxEventBytes": int64(c.MaxEventBytes), "BatchBytes": int64(c.BatchBytes),
		"WindowBytes": int64(c.WindowBytes), "BatchDelay": int64(c.BatchDelay), "AckTimeout": int64(c.AckTimeout),
		"ConnectTimeout": int64(c.ConnectTimeout), "RetryMin": int64(c.RetryMin), "RetryMax": int64(c.RetryMax),
	} {
		if value < 0 {
			return fmt.Errorf("%s: %d is below 0", name, value)
		}
	}
	switch {
	case c.Stream != "" && !isKey(c.Stream):
		return fmt.Errorf("Stream: %q is no key (1 to 256 bytes of UTF-8, no control characters)", c.Stream)
	case c.Epoch > 1<<53-1:
		return fmt.Errorf("Epoch: %d is above 2^53-1", c.Epoch)
	case c.Token != "" && c.TokenFunc != nil:
		return fmt.Errorf("Token and TokenFunc: only one of them may be given")
	case c.Replay && c.SpoolDir != "":
		return fmt.Errorf("Replay: with a spool nothing is sent again from position 0")
	case c.Gzip && c.Transport == WebSocket:
		return fmt.Errorf("Gzip: only a POST can be compressed")
	}
	return c.checkNames()
}

func (c *config) checkNames() error {
	if _, ok := transports[c.Transport]; !ok {
		return fmt.Errorf("Transport: %q is none of auto, websocket, post", c.Transport)
	}
	switch c.Overflow {
	case Refuse, DropNewest, DropOldest:
	default:
		return fmt.Errorf("Overflow: %q is none of refuse, drop_newest, drop_oldest", c.Overflow)
	}
	switch c.OnRefused {
	case Skip, Stop, DeadLetter:
	default:
		return fmt.Errorf("OnRefused: %q is none of skip, stop, dead_letter", c.OnRefused)
	}
	return nil
}

var transports = map[Transport]session.Transport{
	Auto: session.Auto, WebSocket: session.WebSocket, Post: session.Post,
}

func isKey(key string) bool {
	hasControl := strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f })
	return len(key) <= 256 && utf8.ValidString(key) && !hasControl && key != "." && key != ".."
}
