// Package spool keeps entries in a folder until they are acknowledged: PROTOCOL.md, section 8. What Append took
// survives the end of the process in any way, though not a power cut. A Spool does not lock.
package spool

import (
	"os"
	"path/filepath"
)

// DefaultSegment is the size of the files in which entries are removed from the disk.
const DefaultSegment = 4 << 20

// A Spool is made by Open. Entries are numbered from 0 in the order of Append, across restarts.
type Spool struct {
	folder   string
	unlock   func()
	segments *segments
	drops    *drops
	state    State
	begun    bool
}

// Open takes the folder for this process, and makes it where there is none. State is nil where the spool is new.
// segmentBytes 0: DefaultSegment. Errors say what to do about them.
func Open(folder string, segmentBytes int64) (s *Spool, state *State, err error) {
	if segmentBytes == 0 {
		segmentBytes = DefaultSegment
	}
	if folder, err = filepath.Abs(folder); err != nil {
		return nil, nil, fault(folder, "find the folder", err)
	}
	if err = os.MkdirAll(folder, 0o700); err != nil {
		return nil, nil, fault(folder, "make the folder", err)
	}
	s = &Spool{folder: folder}
	if s.unlock, err = takeLock(folder); err != nil {
		return nil, nil, err
	}
	if state, err = s.load(segmentBytes); err != nil {
		s.release()
		return nil, nil, err
	}
	return s, state, nil
}

func (s *Spool) load(segmentBytes int64) (*State, error) {
	state, err := readState(s.folder)
	if err != nil {
		return nil, err
	}
	if state != nil {
		s.state, s.begun = *state, true
	}
	if s.segments, err = openSegments(s.folder, s.state.Entry, segmentBytes); err != nil {
		return nil, err
	}
	s.drops, err = openDrops(s.folder, s.state.Entry, s.segments.next)
	return state, err
}

// Next is the number of the entry that Append takes next: above all that were ever appended.
func (s *Spool) Next() uint64 { return s.segments.next }

// Entries calls visit, once after Open, with each entry that is not settled and was not dropped, in order. The line has
// no LF and is valid during the call.
func (s *Spool) Entries(visit func(entry uint64, line []byte)) error {
	dropped := s.drops.atOpen
	return s.segments.read(func(entry uint64, line []byte) {
		for len(dropped) > 0 && dropped[0].to <= entry {
			dropped = dropped[1:]
		}
		if len(dropped) == 0 || dropped[0].from > entry {
			visit(entry, line)
		}
	})
}

// Begin: this process sends under the key and epoch; the entry has the position, and all before it are settled. It
// comes before anything is sent.
func (s *Spool) Begin(state State) error {
	if err := writeState(s.folder, state); err != nil {
		return err
	}
	s.state, s.begun = state, true
	return s.tidy(false)
}

// Append keeps one line, given without LF. After an error nothing of it stays behind.
func (s *Spool) Append(line []byte) error { return s.segments.append(line) }

// Drop: these entries have no position any more. After an error nothing is dropped.
func (s *Spool) Drop(entry, count uint64) error {
	isOldest := s.begun && s.state.Entry == entry
	err := s.drops.add(entry, count)
	if err != nil && isOldest {
		// on a full disk the state can still say it of the oldest entries
		next := s.state
		next.Entry += count
		return s.Begin(next)
	}
	if err != nil {
		return err
	}
	s.drops.forget(s.state.Entry)
	if isOldest {
		s.Settle(entry+count, s.state.Position)
	}
	return nil
}

// Settle is as Begin, where only entry and position moved on. It is kept once a segment can go by it: after a crash the
// count of the gateway tells the rest.
func (s *Spool) Settle(entry, position uint64) {
	s.state.Entry, s.state.Position = entry, position
	if s.begun && s.segments.hasSettled(entry) {
		s.tryTidy(false)
	}
}

// Close gives the folder back.
func (s *Spool) Close() {
	s.segments.close()
	if s.begun {
		s.tryTidy(true)
	}
	s.release()
}

// tryTidy: the state first, as what it does not count as settled must not be gone.
func (s *Spool) tryTidy(all bool) {
	if writeState(s.folder, s.state) == nil {
		// nothing is lost where it fails, and the next one tries again
		_ = s.tidy(all)
	}
}

func (s *Spool) tidy(all bool) error {
	if err := s.segments.remove(s.state.Entry, all); err != nil {
		return err
	}
	s.drops.forget(s.state.Entry)
	return nil
}

func (s *Spool) release() {
	if s.segments != nil {
		s.segments.close()
	}
	if s.drops != nil {
		s.drops.close()
	}
	s.unlock()
}
