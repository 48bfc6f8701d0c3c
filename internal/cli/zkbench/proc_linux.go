package zkbench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// clockTicks is USER_HZ: the unit of the times in /proc/PID/stat is 1/100 s on every Linux that Go runs on.
const clockTicks = 100

// sampleProcess reads the CPU seconds process pid has used so far (all its threads, user and system) and its resident
// memory in bytes.
func sampleProcess(pid int) (cpu float64, rss int64, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("process %d: %w", pid, err)
	}
	// the name, in parentheses, may hold anything: count fields after it
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(f) < 13 {
		return 0, 0, fmt.Errorf("process %d: /proc/%d/stat has only %d fields", pid, pid, len(f))
	}
	for _, i := range []int{11, 12} {
		ticks, err := strconv.ParseInt(string(f[i]), 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("process %d: /proc/%d/stat: %w", pid, pid, err)
		}
		cpu += float64(ticks) / clockTicks
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				return 0, 0, fmt.Errorf("process %d: /proc/%d/status: %w", pid, pid, err)
			}
			rss = kib << 10
		}
	}
	return cpu, rss, nil
}
