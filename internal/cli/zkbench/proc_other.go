//go:build !linux

package zkbench

import "errors"

// sampleProcess works on Linux only.
func sampleProcess(int) (cpu float64, rss int64, err error) {
	return 0, 0, errors.New("the CPU time of another process is read from /proc, which only Linux has")
}
