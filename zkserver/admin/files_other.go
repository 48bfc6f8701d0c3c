//go:build !linux

package admin

// OpenFiles is how many files the process has open and how many it may; -1 when the system does not tell.
func OpenFiles() (open, most int64) { return -1, -1 }

func osVersion() string { return none }
