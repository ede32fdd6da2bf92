//go:build !unix

package spool

import (
	"errors"
	"os"
	"syscall"
)

// errDiskFull is ERROR_DISK_FULL of Windows.
const errDiskFull = syscall.Errno(112)

func isFull(err error) bool { return errors.Is(err, errDiskFull) }

// isAlive: Windows finds only processes that are there.
func isAlive(pid int) bool {
	process, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	// the handle is of no use
	_ = process.Release()
	return true
}
