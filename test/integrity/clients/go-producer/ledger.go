package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
)

// A ledger as test/integrity/clients/ledger.ts describes it: records of eight bytes, each written with one write(2).
type ledger struct {
	file *os.File
	// the event to begin with
	next int
}

const recordBytes = 8

func openLedger(name string) (*ledger, error) {
	before, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	next, err := after(before)
	if err != nil {
		return nil, fmt.Errorf("ledger %s: %w", name, err)
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	l := &ledger{file: file, next: next}
	if next > 0 {
		err = l.mark("restart")
	}
	return l, err
}

// after is the number behind the last event that was tried.
func after(records []byte) (int, error) {
	if len(records)%recordBytes != 0 {
		return 0, errors.New("it ends in half a record")
	}
	for at := len(records); at > 0; at -= recordBytes {
		if n, err := strconv.Atoi(string(records[at-recordBytes : at-1])); err == nil {
			return n + 1, nil
		}
	}
	return 0, nil
}

// trying is noted before event n is given to Send; it says as well that all before it were taken.
func (l *ledger) trying(n int) error { return l.mark(fmt.Sprintf("%07d", n)) }

func (l *ledger) mark(text string) error {
	_, err := l.file.WriteString(text + "\n")
	return err
}
