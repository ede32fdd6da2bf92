package millrace

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/millrace/millrace/clients/go/internal/queue"
	"github.com/millrace/millrace/clients/go/internal/session"
	"github.com/millrace/millrace/clients/go/internal/spool"
)

// A Client of one stream of a gateway. All methods may be called concurrently.
type Client struct {
	config   *config
	machine  session.Config
	reporter *reporter
	// life ends every connection
	life   context.Context
	cancel context.CancelFunc

	// mu guards all below; nothing waits under it but the spool's writes
	mu sync.Mutex
	// work: there is something to send, or the connection is another one
	work  *sync.Cond
	queue *queue.Queue
	key   string
	epoch uint64

	// spool is nil where there is none
	spool *spool.Spool
	// next is the number in the spool of the next entry
	next uint64
	// resumes: the spool told a position
	resumes bool

	session session.State
	conn    *conn
	// asked: whether the key is free is known, see probe
	asked bool
	// contacted: the gateway has told this process what it has
	contacted bool
	// replayedTo: the stream had all below this position before us
	replayedTo uint64
	// refusal is of the entry to leave out at the next connection
	refusal *Error
	// unresolved: the last refusal was of another entry than that at the count
	unresolved bool
	// oneByOne: the gateway takes less than we send; one batch at a time shows which it is
	oneByOne bool
	// due: also a batch that is not full goes out
	due        bool
	batchTimer *time.Timer
	timing     bool
	retryTimer *time.Timer
	heardAt    time.Time

	stats Stats
	// needed is the size that Send had no room for last
	needed int
	// unkept: the last event was refused by the spool
	unkept bool
	room   chan struct{}
	// flushes wait until what was there is settled
	flushes map[*flush]struct{}
	stopped *Error
	closing bool
	done    chan struct{}
	// left after the end
	left *Error
}

// Connect makes a client; it connects on its own, and ctx bounds only the making. Errors are of the options, or of a
// spool that cannot be used (an *Error of CodeSpool).
func Connect(ctx context.Context, options Options) (*Client, error) {
	const attempt = "millrace: connect"
	if err := ctx.Err(); err != nil {
		return nil, while(attempt, newError(CodeTimeout, err, "nothing was begun"))
	}
	config, err := configOf(options)
	if err != nil {
		return nil, while(attempt, newError(CodeInvalid, err, "options"))
	}
	transport := transports[config.Transport]
	c := &Client{
		config:   config,
		machine:  session.Config{Transport: transport, RetryMin: config.RetryMin, RetryMax: config.RetryMax, Random: rand.Float64},
		reporter: newReporter(&config.Options),
		queue:    queue.New(config.BatchBytes),
		key:      config.Stream,
		epoch:    config.Epoch,
		session:  session.Begin(transport),
		stats:    Stats{Dropped: map[DropReason]uint64{ReasonOldest: 0, ReasonNewest: 0, ReasonBadEvent: 0, ReasonClosed: 0}},
		flushes:  map[*flush]struct{}{},
		done:     make(chan struct{}),
	}
	if c.key == "" {
		c.key = newID()
	}
	c.work = sync.NewCond(&c.mu)
	if config.SpoolDir != "" {
		if err := c.openSpool(); err != nil {
			return nil, while(attempt, newError(CodeSpool, err, "open it"))
		}
	}
	c.life, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.batchTimer = time.AfterFunc(time.Hour, c.batchIsDue)
	c.batchTimer.Stop()
	c.dial()
	return c, nil
}

// Key of the stream; it may change before the first ack, where the one asked for belongs to another producer.
func (c *Client) Key() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.key
}

// Stats of this moment.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.State, s.Key, s.Epoch = State(c.session.Phase.String()), c.key, c.epoch
	s.Transport = c.transport()
	s.Pending, s.PendingBytes = c.queue.Entries, c.queue.Bytes
	s.Dropped = make(map[DropReason]uint64, len(c.stats.Dropped))
	for reason, events := range c.stats.Dropped {
		s.Dropped[reason] = events
	}
	return s
}

func (c *Client) transport() Transport {
	switch {
	case c.session.Phase != session.Open:
		return ""
	case c.session.Transport == session.Post:
		return Post
	}
	return WebSocket
}

// ended is why nothing can be taken any more, nil where that is not so.
func (c *Client) ended() *Error {
	if c.stopped != nil {
		return c.stopped
	}
	if c.closing {
		return newError(CodeClosed, nil, "the client is closed")
	}
	return nil
}
