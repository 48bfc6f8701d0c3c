package admin

import (
	"fmt"
	"io"
	"os"
	"os/user"
	"runtime"
	"runtime/debug"

	"github.com/holdfast-ha/holdfast/internal/release"
)

// none is what the original prints for what it cannot find out.
const none = "<NA>"

// environment is what envi tells, in the original's order. What only a JVM has is none; go.version comes last.
func environment() []field {
	host, err := os.Hostname()
	if err != nil {
		host = none
	}
	name, home := none, none
	if u, err := user.Current(); err == nil {
		name, home = u.Username, u.HomeDir
	}
	dir, _ := os.Getwd()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	limit := debug.SetMemoryLimit(-1)
	mb := func(b uint64) string { return fmt.Sprintf("%dMB", b>>20) }
	system := map[string]string{"linux": "Linux", "darwin": "Mac OS X", "windows": "Windows"}[runtime.GOOS]
	if system == "" {
		system = runtime.GOOS
	}
	return []field{
		{"zookeeper.version", release.Version()},
		{"host.name", host},
		{"java.version", none},
		{"java.vendor", none},
		{"java.home", none},
		{"java.class.path", none},
		{"java.library.path", none},
		{"java.io.tmpdir", os.TempDir()},
		{"java.compiler", none},
		{"os.name", system},
		{"os.arch", runtime.GOARCH},
		{"os.version", osVersion()},
		{"user.name", name},
		{"user.home", home},
		{"user.dir", dir},
		{"os.memory.free", mb(mem.HeapIdle)},
		{"os.memory.max", mb(uint64(limit))},
		{"os.memory.total", mb(mem.Sys)},
		{"go.version", runtime.Version()},
	}
}

func envi(w io.Writer, _ Source) {
	fmt.Fprintln(w, "Environment:")
	for _, f := range environment() {
		fmt.Fprintf(w, "%s=%s\n", f.key, f.value)
	}
}
