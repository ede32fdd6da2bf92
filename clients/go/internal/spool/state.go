package spool

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	version = 1
	// numberMost: entries, positions and epochs are whole numbers up to 2^53-1
	numberMost = 1<<53 - 1
)

// A State says that Entry of the spool has Position in the stream Key, and that all before it are settled.
type State struct {
	Key      string
	Epoch    uint64
	Entry    uint64
	Position uint64
}

type stateFile struct {
	Version  *uint64 `json:"version"`
	Key      *string `json:"key"`
	Epoch    *uint64 `json:"epoch"`
	Entry    *uint64 `json:"entry"`
	Position *uint64 `json:"position"`
}

func statePath(folder string) string { return filepath.Join(folder, "state.json") }

// readState returns nil where there is none yet.
func readState(folder string) (*State, error) {
	path := statePath(folder)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault(path, "read it", err)
	}
	var file stateFile
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, damaged(path, "this is not the state of a spool: %v", err)
	}
	if file.Version != nil && *file.Version > version {
		return nil, damaged(path, "version %d, this client knows %d: a newer client can read it", *file.Version, version)
	}
	for name, value := range map[string]*uint64{
		"version": file.Version, "epoch": file.Epoch, "entry": file.Entry, "position": file.Position,
	} {
		if value == nil || *value > numberMost {
			return nil, damaged(path, "%s is no whole number from 0 to 2^53-1", name)
		}
	}
	if file.Key == nil {
		return nil, damaged(path, "there is no key")
	}
	return &State{*file.Key, *file.Epoch, *file.Entry, *file.Position}, nil
}

// writeState leaves the old one where it fails.
func writeState(folder string, s State) error {
	path := statePath(folder)
	v := uint64(version)
	text, err := json.Marshal(stateFile{&v, &s.Key, &s.Epoch, &s.Entry, &s.Position})
	if err == nil {
		text = append(text, '\n')
		if err = replace(path, text); isFull(err) && overwrite(path, text) {
			return nil
		}
	}
	if err != nil {
		return fault(path, "write it", err)
	}
	return nil
}

func replace(path string, text []byte) error {
	next := path + ".new"
	err := os.WriteFile(next, text, 0o600)
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		// the first error tells more
		_ = os.Remove(next)
	}
	return err
}

// overwrite needs no new block: else a disk that the spool itself has filled could never be freed by what is settled.
func overwrite(path string, text []byte) bool {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Size() == 0 || len(text) > 4096 {
		return false
	}
	if short := int(info.Size()) - len(text); short > 0 {
		text = append(text, bytes.Repeat([]byte(" "), short)...)
	}
	_, err = file.WriteAt(text, 0)
	return err == nil
}
