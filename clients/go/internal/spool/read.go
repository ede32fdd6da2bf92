package spool

import (
	"bytes"
	"os"
	"unicode/utf8"
)

// count finds what the segments hold, and cuts off a last line that was never taken.
func (s *segments) count() error {
	if len(s.starts) == 0 {
		return nil
	}
	at := s.starts[0]
	if at > s.settled {
		return damaged(s.path(at), "entries %d to %d should come before it, and are gone", s.settled, at-1)
	}
	for i, start := range s.starts {
		if at != start {
			return damaged(s.path(s.starts[i-1]), "its entries end before %d, the next segment begins at %d", at, start)
		}
		lines, err := readLines(s.path(start), i == len(s.starts)-1)
		if err != nil {
			return err
		}
		at += uint64(bytes.Count(lines, []byte("\n")))
	}
	s.next = max(at, s.settled)
	if at >= s.settled {
		return nil
	}
	// a power cut took entries that were settled by then
	return s.forgetAll()
}

func (s *segments) forgetAll() error {
	for _, start := range s.starts {
		if err := os.Remove(s.path(start)); err != nil {
			return fault(s.path(start), "remove it", err)
		}
	}
	s.starts = nil
	return nil
}

// read visits the entries from settled on.
func (s *segments) read(visit func(entry uint64, line []byte)) error {
	for _, start := range s.starts {
		lines, err := readLines(s.path(start), false)
		if err != nil {
			return err
		}
		for entry := start; len(lines) > 0; entry++ {
			end := bytes.IndexByte(lines, '\n')
			if entry >= s.settled {
				visit(entry, lines[:end])
			}
			lines = lines[end+1:]
		}
	}
	return nil
}

// readLines returns whole lines; in the last segment what follows them was never taken and is cut off.
func readLines(path string, isLast bool) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault(path, "read it", err)
	}
	lines := text[:bytes.LastIndexByte(text, '\n')+1]
	if isLast && len(lines) < len(text) {
		if err := os.Truncate(path, int64(len(lines))); err != nil {
			return nil, fault(path, "cut off its torn end", err)
		}
	}
	if bytes.HasPrefix(lines, []byte("\n")) || bytes.Contains(lines, []byte("\n\n")) {
		return nil, damaged(path, "it has an empty line, which moves all entries behind it")
	}
	if !utf8.Valid(lines) {
		return nil, damaged(path, "it is not UTF-8")
	}
	return lines, nil
}
