package millrace

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/millrace/millrace/clients/go/internal/spool"
)

// openSpool resumes what an earlier process left: PROTOCOL.md, 8.4.
func (c *Client) openSpool() error {
	kept, state, err := spool.Open(c.config.SpoolDir, 0)
	if err != nil {
		return err
	}
	c.spool = kept
	c.epoch = max(c.epoch, 1)
	if state != nil {
		err = c.resume(state)
	}
	if err == nil {
		err = kept.Entries(func(entry uint64, line []byte) {
			c.queue.Add(line, entry, c.resumes)
			c.stats.Taken++
		})
	}
	c.next = kept.Next()
	if err == nil {
		err = kept.Begin(c.spoolState())
	}
	if err != nil {
		kept.Close()
	}
	return err
}

func (c *Client) resume(state *spool.State) error {
	stream := c.config.Stream
	if stream != "" && state.Key != stream && !strings.HasPrefix(state.Key, cut(stream)+".") {
		return fmt.Errorf("it is of stream %q, not of %q: give each stream a folder of its own", state.Key, stream)
	}
	c.key = state.Key
	c.queue.Base = state.Position
	// under epoch 0 nothing was ever sent: the gateway was not reached
	c.resumes = state.Epoch > 0
	if c.resumes {
		c.epoch = max(c.config.Epoch, state.Epoch+1)
	}
	return nil
}

func (c *Client) firstEntry() uint64 {
	if entry, ok := c.queue.First(); ok {
		return entry
	}
	return c.next
}

// spoolState has epoch 0 as long as the stream may be another's.
func (c *Client) spoolState() spool.State {
	epoch := c.epoch
	if c.mustProbe() {
		epoch = 0
	}
	return spool.State{Key: c.key, Epoch: epoch, Entry: c.firstEntry(), Position: c.queue.Base}
}

// rebase gives the first entry another position, under the key of now, and keeps that; false where it could not.
func (c *Client) rebase(base uint64) bool {
	c.queue.Base = base
	c.replayedTo = min(c.replayedTo, base)
	if c.spool == nil {
		return true
	}
	if err := c.spool.Begin(c.spoolState()); err != nil {
		c.stop(newError(CodeSpool, err, "keep the position"))
		return false
	}
	return true
}

// newID has 80 random bits.
func newID() string {
	var id [10]byte
	// it never fails (crypto/rand)
	_, _ = rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// cut leaves room for an id in the 256 bytes of a key.
func cut(key string) string {
	const most = 256 - 1 - 2*10 - 3
	if len(key) <= most {
		return key
	}
	at := most
	for !utf8.RuneStart(key[at]) {
		at--
	}
	return key[:at]
}
