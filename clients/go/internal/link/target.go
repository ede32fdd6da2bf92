package link

import (
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A Target is where and as whom to connect.
type Target struct {
	// URL is http or https; what the gateway has of its own is below its path.
	URL        *url.URL
	Token, Key string
	// Epoch 0: the current one.
	Epoch                      uint64
	DeadLetters, Gzip          bool
	ConnectTimeout, AckTimeout time.Duration
	// Client must not follow redirects: a POST would become a GET.
	Client *http.Client
}

func (t *Target) eventsURL(more ...string) string {
	u := t.URL.JoinPath("v1/events")
	query := url.Values{"stream": {t.Key}}
	if t.Epoch > 0 {
		query.Set("epoch", strconv.FormatUint(t.Epoch, 10))
	}
	if t.DeadLetters {
		query.Set("on_error", "dead_letter")
	}
	for i := 0; i < len(more); i += 2 {
		query.Set(more[i], more[i+1])
	}
	u.RawQuery = query.Encode()
	return u.String()
}

func (t *Target) header() http.Header {
	header := http.Header{"User-Agent": {"millrace-go"}}
	if t.Token != "" {
		header.Set("Authorization", "Bearer "+t.Token)
	}
	return header
}
