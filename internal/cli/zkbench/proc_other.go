//go:build !linux

package zkbench

import "errors"

var errOnlyLinux = errors.New("the CPU time of another process can be read on Linux only")

// sampleProcess works on Linux only.
func sampleProcess(int) (cpu float64, rss int64, err error) { return 0, 0, errOnlyLinux }

// processCPU works on Linux only.
func processCPU(int) (float64, error) { return 0, errOnlyLinux }
