package link

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"strconv"
	"sync"
)

// NewPost sends one POST at a time, each with its offset: PROTOCOL.md, sections 3 and 5.6.
func NewPost(target *Target) Link {
	return &post{target: target, ended: make(chan struct{})}
}

type post struct {
	target *Target
	total  Ack
	ended  chan struct{}
	end    sync.Once
}

func (p *post) Open(ctx context.Context) (uint64, *Over) {
	ctx, cancel := context.WithTimeout(ctx, p.target.ConnectTimeout)
	defer cancel()
	reply, over := p.exchange(ctx, p.target.eventsURL(), nil)
	if over != nil {
		return 0, over
	}
	return reply.Count, nil
}

func (p *post) Send(ctx context.Context, bodies [][]byte, position uint64) (*Ack, *Over) {
	ctx, cancel := context.WithTimeout(ctx, p.target.AckTimeout)
	defer cancel()
	url := p.target.eventsURL("offset", strconv.FormatUint(position, 10))
	reply, over := p.exchange(ctx, url, bytes.Join(bodies, nil))
	if reply == nil || over != nil && over.Kind != Refused {
		// the count of a stream that another producer took over says nothing of our entries
		return nil, over
	}
	p.total.Count = reply.Count
	if over == nil {
		p.total.Duplicates += reply.Duplicates
		p.total.Rejected += reply.Rejected
	}
	ack := p.total
	return &ack, over
}

func (p *post) Listen(ctx context.Context, _ func(Ack)) *Over {
	select {
	case <-p.ended:
		return &Over{Kind: Ended, Code: "closed", Message: "the stream has ended"}
	case <-ctx.Done():
		return broken("POST", ctx.Err())
	}
}

func (p *post) End(context.Context) { p.end.Do(func() { close(p.ended) }) }

// Close: the context of a request under way ends it.
func (p *post) Close() {}

// exchange gives a reply where the gateway told a count, and also with an error.
func (p *post) exchange(ctx context.Context, url string, body []byte) (*Ack, *Over) {
	header := p.target.header()
	header.Set("Content-Type", "application/x-ndjson")
	header.Set("Accept", "application/json")
	if p.target.Gzip && len(body) > 0 {
		header.Set("Content-Encoding", "gzip")
		body = zip(body)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, broken("POST", err)
	}
	request.Header = header
	response, err := p.target.Client.Do(request)
	if err != nil {
		return nil, broken("POST", err)
	}
	defer response.Body.Close()
	return judge(response)
}

func zip(body []byte) []byte {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	// a buffer takes everything
	_, _ = w.Write(body)
	_ = w.Close()
	return zipped.Bytes()
}
