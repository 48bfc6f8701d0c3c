//go:build unix

package e2e

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func cmdExpand(ts *testscript.TestScript, args []string) {
	for _, name := range args {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(expand(ts, ts.ReadFile(name))), 0o666))
	}
}

// expand replaces $NAME and ${NAME} where the script has that variable; other dollars stay.
func expand(ts *testscript.TestScript, text string) string {
	return variable.ReplaceAllStringFunc(text, func(ref string) string {
		if v := ts.Getenv(strings.Trim(ref, "${}")); v != "" {
			return v
		}
		return ref
	})
}

var variable = regexp.MustCompile(`\$[A-Z][A-Z0-9_]*|\$\{[A-Z][A-Z0-9_]*\}`)

func cmdDamage(ts *testscript.TestScript, args []string) {
	need(ts, args, 3, "damage FILE TEXT TEXT")
	file, from, to := ts.MkAbs(args[0]), []byte(args[1]), []byte(args[2])
	data, err := os.ReadFile(file)
	ts.Check(err)
	i := bytes.Index(data, from)
	if i < 0 || len(from) != len(to) {
		ts.Fatalf("%q is not in the file, or its replacement is not as long", from)
	}
	copy(data[i:], to)
	ts.Check(os.WriteFile(file, data, 0o666))
}

func cmdTear(ts *testscript.TestScript, args []string) {
	need(ts, args, 2, "tear FILE N")
	data, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	written := len(bytes.TrimRight(data, "\x00"))
	if written <= n {
		ts.Fatalf("only %d bytes were written", written)
	}
	ts.Check(os.Truncate(ts.MkAbs(args[0]), int64(written-n)))
}

// changing is what differs from run to run, by what it is replaced with.
var changing = []struct {
	re *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`\b[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d \S+ \d{4}\b`), "DATE"},
	{regexp.MustCompile(`\b0x[0-9a-f]{10,16}\b`), "SESSION"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*`), "DATE"},
}

func cmdSame(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 2, "same FILE FILE")
	have, want := ts.ReadFile(args[0]), expand(ts, ts.ReadFile(args[1]))
	for _, c := range changing {
		have, want = c.re.ReplaceAllString(have, c.by), c.re.ReplaceAllString(want, c.by)
	}
	if (have == want) == neg {
		ts.Fatalf("%s:\n%s\n%s:\n%s", args[0], have, args[1], want)
	}
}

func cmdEmpty(ts *testscript.TestScript, args []string) {
	need(ts, args, 1, "empty DIR")
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(entries) > 0 {
		ts.Fatalf("%s holds %v", args[0], entries)
	}
}

func cmdPids(ts *testscript.TestScript, args []string) {
	need(ts, args, 2, "pids GLOB N")
	pause := time.NewTicker(pollPause)
	defer pause.Stop()
	for began := time.Now(); ; <-pause.C {
		pids, dead := living(ts, args[0])
		if dead == "" && strconv.Itoa(len(pids)) == args[1] {
			of(ts).pids = pids
			return
		}
		if time.Since(began) > patience { // the demo kills some of them, and starts them again
			ts.Fatalf("%d processes live, %s does not", len(pids), cmp.Or(dead, "any other"))
		}
	}
}

// living are the processes that pid files name; dead is a file whose process does not live.
func living(ts *testscript.TestScript, glob string) (pids []int, dead string) {
	files, err := filepath.Glob(ts.MkAbs(glob))
	ts.Check(err)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return pids, f // it was just being written anew
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil || !alive(pid) {
			return pids, f
		}
		pids = append(pids, pid)
	}
	return pids, ""
}

func cmdGone(ts *testscript.TestScript, _ []string) {
	pause := time.NewTicker(pollPause)
	defer pause.Stop()
	began := time.Now()
	for _, pid := range of(ts).pids {
		for alive(pid) {
			if time.Since(began) > patience {
				ts.Fatalf("process %d lives on", pid)
			}
			<-pause.C
		}
	}
}

// alive tells whether a process runs. One that has ended and that nobody has reaped does not.
func alive(pid int) bool {
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		_, rest, _ := strings.Cut(string(stat), ") ")
		return !strings.HasPrefix(rest, "Z")
	}
	return syscall.Kill(pid, 0) == nil
}
