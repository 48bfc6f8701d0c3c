// Package zkcli is the command zkcli: a shell for any server of the ZooKeeper protocol. Its syntax, its outputs, its error
// texts and its exit codes are those of zkCli.sh, because scripts depend on them.
//
//	zkcli -server host:port              a shell: with line editing, history and completion on a terminal
//	zkcli -server host:port ls /         one command
//	zkcli -server host:port < commands   a command per line
//
// With --output json each command that shows something prints one JSON object on one line, and nothing else goes to
// standard output (json.go).
//
// A single command, and a shell whose input ends without quit, leaves its session to the timeout when it owns ephemeral
// znodes, as the original does with every session: a znode of "zkcli create -e" is there until -timeout is over.
//
// Departures: a server that cannot be reached is reported with its address and a remedy; a shell without a terminal
// prints no prompts; addauth waits for the server's answer and fails if it refuses; addWatch without -m is always
// recursive, whatever the last call's mode was; exit and help exist.
//
// Source: ZooKeeperMain.java and the package cli of Apache ZooKeeper 3.9.
package zkcli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/holdfast-ha/holdfast/internal/cli"
)

// settings are the options before the command.
type settings struct {
	server   string
	timeout  time.Duration // of the session
	readOnly bool
	wait     bool // retry until the server is there or the timeout is over
	help     bool
	json     bool          // --output json
	client   clientOptions // -client-configuration, CLIENT_JVMFLAGS
	args     []string      // the command and its arguments; none: a shell
}

// errUsage is a wrong command line of zkcli itself.
var errUsage = errors.New("usage")

func parseSettings(args []string) (settings, error) {
	s := settings{server: "localhost:2181", timeout: 30 * time.Second}
	for _, variable := range []string{"CLIENT_JVMFLAGS", "JVMFLAGS"} {
		if err := s.client.flags(variable); err != nil {
			return s, fmt.Errorf("%w: %w", errUsage, err)
		}
	}
	for i := 0; i < len(args); i++ {
		opt := args[i]
		value := func() (string, error) {
			if i++; i >= len(args) {
				return "", fmt.Errorf("%w: no argument found for option %s", errUsage, opt)
			}
			return args[i], nil
		}
		var err error
		switch opt {
		case "-server":
			s.server, err = value()
		case "-timeout":
			var v string
			if v, err = value(); err == nil {
				ms, bad := strconv.Atoi(v)
				if bad != nil || ms <= 0 {
					return s, fmt.Errorf("%w: -timeout %s: must be a number of milliseconds, as in -timeout 30000", errUsage, v)
				}
				s.timeout = time.Duration(ms) * time.Millisecond
			}
		case "-r":
			s.readOnly = true
		case "-waitforconnection":
			s.wait = true
		case "-h", "-help", "--help":
			s.help = true
		case "-client-configuration":
			var path string
			if path, err = value(); err == nil {
				if err = s.client.read(path); err != nil {
					err = fmt.Errorf("%w: -client-configuration %s: %w", errUsage, path, err)
				}
			}
		case "--output", "-output", "--output=json", "--output=text":
			format, joined := strings.CutPrefix(opt, "--output=")
			if !joined {
				format, err = value()
			}
			if err == nil && format != "json" && format != "text" {
				err = fmt.Errorf("%w: --output %s: must be text or json", errUsage, format)
			}
			s.json = format == "json"
		default:
			if strings.HasPrefix(opt, "-") {
				return s, fmt.Errorf("%w: unknown option %s (known: -server -timeout -r -waitforconnection -client-configuration --output -help)", errUsage, opt)
			}
			s.args = args[i:]
			return s, nil
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// Main is the command. Exit codes are the original's: 0 done, 1 the command failed or the server cannot be reached, 127
// no such command; and 2 for a wrong option of zkcli itself.
func Main(ctx context.Context, args []string, streams cli.Streams) int {
	set, err := parseSettings(args)
	if err != nil {
		_, _ = fmt.Fprintf(streams.Err, "zkcli: %v\n", err)
		return 2
	}
	sh := newShell(set, streams)
	if set.help {
		sh.usage()
		return 0
	}
	if err := sh.set.client.open(func(text string) { sh.warn("zkcli: " + text) }); err != nil {
		_, _ = fmt.Fprintf(streams.Err, "zkcli: %v\n", err)
		return 2
	}
	if !set.json {
		sh.println("Connecting to " + set.server)
	}
	if err := sh.connect(ctx, set.server); err != nil {
		_, _ = fmt.Fprintf(streams.Err, "zkcli: %v\n", err)
		return 1
	}
	defer sh.leave()
	if len(set.args) > 0 {
		sh.execute(ctx, set.args)
		return sh.code
	}
	if !set.json {
		sh.println("Welcome to ZooKeeper!")
	}
	if in, ok := streams.In.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		return sh.interactive(ctx)
	}
	return sh.piped(ctx, streams.In)
}
