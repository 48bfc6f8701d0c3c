package admin

import (
	"os"
	"strings"
	"syscall"
)

// OpenFiles is how many files the process has open and how many it may; -1 when the system does not tell.
func OpenFiles() (open, most int64) {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return -1, -1
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	var limit syscall.Rlimit
	if err != nil || syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return -1, -1
	}
	return int64(len(names)), int64(limit.Cur)
}

func osVersion() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return none
	}
	return strings.TrimSpace(string(b))
}
