package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// mine are the folders that this process has open: its own pid in a lock says nothing about a second client.
var mine = struct {
	sync.Mutex
	folders map[string]bool
}{folders: map[string]bool{}}

// takeLock takes the folder for this process and returns how to give it back. The file informs: what fences is the epoch.
func takeLock(folder string) (unlock func(), err error) {
	path := filepath.Join(folder, "lock")
	real, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return nil, fault(folder, "open the folder", err)
	}
	mine.Lock()
	defer mine.Unlock()
	if mine.folders[real] {
		return nil, fmt.Errorf(
			"spool: %s: this process has the spool open already; give each client a folder of its own", path)
	}
	for made := false; !made; {
		if made, err = create(path); err == nil && !made {
			err = removeStale(path)
		}
		if err != nil {
			return nil, err
		}
	}
	mine.folders[real] = true
	return func() {
		mine.Lock()
		defer mine.Unlock()
		delete(mine.folders, real)
		if readOwner(path) == os.Getpid() {
			// a lock that stays behind is stale once this process is gone
			_ = os.Remove(path)
		}
	}, nil
}

// create returns false where there is a lock already.
func create(path string) (bool, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err == nil {
		_, err = fmt.Fprintf(file, "%d\n", os.Getpid())
		err = errors.Join(err, file.Close())
	}
	// made, but empty: a full disk must not keep its spool from being sent
	if err != nil && !isFull(err) {
		return false, fault(path, "take the lock", err)
	}
	return true, nil
}

func removeStale(path string) error {
	owner := readOwner(path)
	if owner > 0 && owner != os.Getpid() && isAlive(owner) {
		return fmt.Errorf(
			"spool: %s: process %d has the spool open; end it, or give this client a folder of its own", path, owner)
	}
	aside := fmt.Sprintf("%s.%d", path, os.Getpid())
	err := os.Rename(path, aside)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	// between the two steps another process may have done the same, and made its own
	if err == nil && readOwner(aside) != owner {
		err = os.Link(aside, path)
	}
	if err == nil {
		err = os.Remove(aside)
	}
	if err != nil {
		return fault(path, "remove a lock that is left of another process", err)
	}
	return nil
}

// readOwner returns 0 where the lock is empty, or gone by now.
func readOwner(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	// a second line tells when the process began, where its client wrote that
	first, _, _ := bytes.Cut(text, []byte("\n"))
	pid, err := strconv.Atoi(string(first))
	if err != nil {
		return 0
	}
	return pid
}
