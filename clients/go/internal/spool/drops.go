package spool

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// dropsMost lines, above which the file is written anew.
const dropsMost = 4096

// A span of entries that have no position: from the first to before the second.
type span struct{ from, to uint64 }

func (s span) line() string { return fmt.Sprintf("%d %d\n", s.from, s.to-s.from) }

// drops is the file of that name.
type drops struct {
	path  string
	spans []span
	// atOpen are those of Open, and do not grow
	atOpen []span
	lines  int
	file   *os.File
	size   int64
}

// openDrops reads the file of a spool that has entries from to before next.
func openDrops(folder string, from, next uint64) (*drops, error) {
	d := &drops{path: filepath.Join(folder, "drops")}
	text, err := os.ReadFile(d.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault(d.path, "read it", err)
	}
	// what follows the last LF was never taken
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	known, err := parseDrops(d.path, whole)
	if err != nil {
		return nil, err
	}
	d.spans, d.lines, d.size = merge(known, from, next), len(known), int64(len(whole))
	d.atOpen = slices.Clone(d.spans)
	if len(whole) < len(text) {
		if err := os.Truncate(d.path, d.size); err != nil {
			return nil, fault(d.path, "cut off its torn end", err)
		}
	}
	// entries that a power cut took away get their numbers again, and are not dropped then
	if slices.ContainsFunc(known, func(s span) bool { return s.to > next }) {
		return d, d.rewrite()
	}
	d.forget(from)
	return d, nil
}

func (d *drops) add(entry, count uint64) error {
	dropped := span{entry, entry + count}
	if d.file == nil {
		file, err := os.OpenFile(d.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return fault(d.path, "write it", err)
		}
		d.file = file
	}
	line := dropped.line()
	if _, err := d.file.WriteString(line); err != nil {
		return fault(d.path, "write it", errors.Join(err, d.file.Truncate(d.size)))
	}
	d.size += int64(len(line))
	d.lines++
	if last := len(d.spans) - 1; last >= 0 && d.spans[last].to == entry {
		d.spans[last].to += count
	} else {
		d.spans = append(d.spans, dropped)
	}
	return nil
}

// forget: entries below settled are done with; a file with many lines is written anew.
func (d *drops) forget(settled uint64) {
	if d.lines < dropsMost || d.lines < 2*len(d.spans) {
		return
	}
	d.spans = merge(d.spans, settled, numberMost)
	if err := d.rewrite(); err != nil {
		// it stays as it is until it has as many lines again
		d.lines = 0
	}
}

// rewrite leaves as few lines as it takes.
func (d *drops) rewrite() error {
	d.close()
	var text []byte
	for _, s := range d.spans {
		text = append(text, s.line()...)
	}
	var err error
	if len(text) > 0 {
		err = replace(d.path, text)
	} else if err = os.Remove(d.path); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return fault(d.path, "write it", err)
	}
	d.lines, d.size = len(d.spans), int64(len(text))
	return nil
}

func (d *drops) close() {
	if d.file != nil {
		// each line was written at once
		_ = d.file.Close()
	}
	d.file = nil
}

var dropLine = regexp.MustCompile(`^(\d{1,16}) (\d{1,16})$`)

func parseDrops(path string, text []byte) (found []span, err error) {
	for n, line := range bytes.Split(text, []byte("\n")) {
		if len(line) == 0 && n == bytes.Count(text, []byte("\n")) {
			break
		}
		match := dropLine.FindSubmatch(line)
		if match == nil {
			return nil, damaged(path, "line %d: %.80q is not of the form \"entry count\"", n+1, line)
		}
		// 16 digits fit
		from, _ := strconv.ParseUint(string(match[1]), 10, 64)
		count, _ := strconv.ParseUint(string(match[2]), 10, 64)
		found = append(found, span{from, from + count})
	}
	return found, nil
}

// merge sorts spans, joins those that touch, and cuts them to what is from low to before high.
func merge(spans []span, low, high uint64) []span {
	var merged []span
	sorted := slices.SortedFunc(slices.Values(spans), func(a, b span) int { return cmp.Compare(a.from, b.from) })
	for _, s := range sorted {
		s.from, s.to = max(s.from, low), min(s.to, high)
		if last := len(merged) - 1; s.from >= s.to {
			continue
		} else if last >= 0 && s.from <= merged[last].to {
			merged[last].to = max(merged[last].to, s.to)
		} else {
			merged = append(merged, s)
		}
	}
	return merged
}
