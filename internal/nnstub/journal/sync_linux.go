package journal

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncData makes the written bytes durable (and the file's size, but not its times).
func syncData(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}
