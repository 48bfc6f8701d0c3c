package zkbench

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// sampleProcess reads the CPU seconds process pid has used so far and its resident memory in bytes.
func sampleProcess(pid int) (cpu float64, rss int64, err error) {
	if cpu, err = processCPU(pid); err != nil {
		return 0, 0, err
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

// processCPU reads the CPU seconds that process pid has used so far, user and system, of all its threads, also those that
// have ended. The clock of the process counts in nanoseconds; /proc/PID/stat does in hundredths of a second.
func processCPU(pid int) (float64, error) {
	const schedClock = 2 // CPUCLOCK_SCHED of the kernel's posix-timers.h, of the whole process
	var ts unix.Timespec
	err := unix.ClockGettime(int32(^pid<<3|schedClock), &ts)
	if errors.Is(err, unix.EINVAL) {
		err = unix.ESRCH // which is what it means
	}
	if err != nil {
		return 0, fmt.Errorf("process %d: its CPU clock: %w", pid, err)
	}
	return float64(ts.Nano()) / 1e9, nil
}
