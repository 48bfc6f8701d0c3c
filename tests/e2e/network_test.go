//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/holdfast-ha/holdfast/internal/freeport"
)

func cmdFreeport(ts *testscript.TestScript, args []string) {
	need(ts, args, 1, "freeport NAME...")
	for _, name := range args {
		port, err := freeport.One()
		ts.Check(err)
		ts.Setenv(name, strconv.Itoa(port))
	}
}

func cmdSend(ts *testscript.TestScript, args []string) {
	closing := len(args) > 0 && args[0] == "-close"
	if closing {
		args = args[1:]
	}
	need(ts, args, 2, "send [-close] ADDR BYTES...")
	conn, err := net.DialTimeout("tcp", args[0], patience)
	ts.Check(err)
	defer conn.Close()
	ts.Check(conn.SetDeadline(time.Now().Add(patience)))
	ts.Setenv("PEER", conn.LocalAddr().String())
	var data []byte
	for _, word := range args[1:] {
		data = append(data, unescape(ts, word)...)
	}
	_, err = conn.Write(data)
	if err == nil && closing {
		err = conn.(*net.TCPConn).CloseWrite()
	}
	var answer []byte
	if err == nil {
		answer, err = io.ReadAll(conn)
	}
	// The other side may close while it has not read everything: that is a reset, and it has closed too.
	if err != nil && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		ts.Fatalf("%s did not close the connection: %v", args[0], err)
	}
	fmt.Fprint(ts.Stdout(), string(answer))
}

// unescape reads the escapes of Go's strings, and BYTES*N.
func unescape(ts *testscript.TestScript, word string) []byte {
	times := 1
	if i := strings.LastIndexByte(word, '*'); i >= 0 {
		if n, err := strconv.Atoi(word[i+1:]); err == nil {
			word, times = word[:i], n
		}
	}
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(word, `"`, `\"`) + `"`)
	ts.Check(err)
	return []byte(strings.Repeat(text, times))
}
