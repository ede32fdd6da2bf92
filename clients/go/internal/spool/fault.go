package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// fault says what failed on which file, and what to do about it.
func fault(path, doing string, err error) error {
	wayOut := "mend that, or choose another folder"
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		wayOut = "give this process the rights to read and write there, or choose another folder"
	case errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENOTDIR):
		wayOut = "it has to be a folder: choose another one"
	case isFull(err):
		wayOut = "make room on that disk, or choose another folder"
	}
	return fmt.Errorf("spool: %s: cannot %s: %w; %s", path, doing, err, wayOut)
}

// damaged: the entries of such a spool are not lost.
func damaged(path, format string, args ...any) error {
	const rescue = "move the folder away and start with a new one; `millrace send` takes its entries-*.ndjson"
	return fmt.Errorf("spool: %s: %s; %s", path, fmt.Sprintf(format, args...), rescue)
}
