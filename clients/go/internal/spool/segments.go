package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// segments are the files entries-I.ndjson of a spool whose entries below settled are settled.
type segments struct {
	folder string
	most   int64
	// settled as of opening
	settled uint64
	next    uint64
	// starts: first entry of each segment
	starts []uint64
	file   *os.File
	// size of the last segment, whole lines
	size int64
	// torn: more than size may be there
	torn    bool
	scratch []byte
}

var segmentName = regexp.MustCompile(`^entries-(\d{20})\.ndjson$`)

func openSegments(folder string, settled uint64, most int64) (*segments, error) {
	s := &segments{folder: folder, most: most, settled: settled, next: settled}
	names, err := os.ReadDir(folder)
	if err != nil {
		return nil, fault(folder, "list it", err)
	}
	for _, name := range names {
		if match := segmentName.FindStringSubmatch(name.Name()); match != nil {
			start, err := strconv.ParseUint(match[1], 10, 53)
			if err != nil {
				return nil, damaged(filepath.Join(folder, name.Name()), "its number is above 2^53-1")
			}
			s.starts = append(s.starts, start)
		}
	}
	slices.Sort(s.starts)
	if err := s.remove(settled, false); err != nil {
		return nil, err
	}
	return s, s.count()
}

func (s *segments) path(start uint64) string {
	return filepath.Join(s.folder, fmt.Sprintf("entries-%020d.ndjson", start))
}

// append leaves nothing of the line behind where it fails: most likely the disk is full.
func (s *segments) append(line []byte) error {
	if err := s.ready(); err != nil {
		return err
	}
	s.scratch = append(append(s.scratch[:0], line...), '\n')
	s.torn = true
	if _, err := s.file.Write(s.scratch); err != nil {
		// what cannot be cut off now is before the next entry is written
		_ = s.cut()
		return fault(s.file.Name(), "write to it", err)
	}
	s.torn = false
	s.size += int64(len(s.scratch))
	s.next++
	if cap(s.scratch) > 1<<20 {
		s.scratch = nil
	}
	return nil
}

func (s *segments) ready() error {
	if s.torn {
		if err := s.cut(); err != nil {
			return err
		}
	}
	if s.file != nil && s.size < s.most {
		return nil
	}
	return s.roll()
}

func (s *segments) cut() error {
	if err := s.file.Truncate(s.size); err != nil {
		return fault(s.file.Name(), "cut off its torn end", err)
	}
	s.torn = false
	return nil
}

// roll opens the last segment where there is room in it, else a new one.
func (s *segments) roll() error {
	start, isNew := s.next, true
	if last := len(s.starts) - 1; s.file == nil && last >= 0 {
		if info, err := os.Stat(s.path(s.starts[last])); err == nil && info.Size() < s.most {
			start, isNew = s.starts[last], false
		}
	}
	file, err := os.OpenFile(s.path(start), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fault(s.path(start), "open it", err)
	}
	info, err := file.Stat()
	if err != nil {
		return fault(s.path(start), "open it", err)
	}
	s.close()
	s.file, s.size = file, info.Size()
	if isNew {
		s.starts = append(s.starts, start)
	}
	return nil
}

// hasSettled: may a segment go, where all below entry is settled?
func (s *segments) hasSettled(entry uint64) bool { return len(s.starts) > 1 && s.starts[1] <= entry }

// remove removes the segments of which all is settled; all: also the last one.
func (s *segments) remove(entry uint64, all bool) error {
	for len(s.starts) > 0 {
		isLast := len(s.starts) == 1
		if isLast && (!all || s.next > entry) || !isLast && s.starts[1] > entry {
			return nil
		}
		path := s.path(s.starts[0])
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return fault(path, "remove it", err)
		}
		s.starts = s.starts[1:]
	}
	return nil
}

func (s *segments) close() {
	if s.file != nil {
		// each line was written at once
		_ = s.file.Close()
	}
	s.file = nil
}
