//go:build compat

package compat

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// cliServer is a fresh server of either make, with the rarer znode types allowed.
func cliServer(t *testing.T, ours bool) server {
	t.Helper()
	cfg, addr := zooCfg(t, t.TempDir())
	text, err := os.ReadFile(cfg)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(cfg, append(text, "extendedTypesEnabled=true\n"...), 0o644))
	var s server
	if ours {
		s = server{start(t, "zkserver", exec.Command(program(t, "zkserver"), "start-foreground", cfg)), addr}
	} else {
		s = server{start(t, "original", zookeeper.server(t, cfg)), addr}
	}
	// A connection that comes while the original starts can stay without an answer, so ask for its state first.
	eventually(t, "the server serves", func() bool { return strings.Contains(word(addr, "srvr"), "Mode: ") })
	s.connect(t).Close() // as many sessions before the first command everywhere, so that zxids are equal
	return s
}

// word is the answer to a four-letter word, empty when there is none.
func word(addr, w string) string {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return ""
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(c, w)
	text, _ := io.ReadAll(c)
	return string(text)
}

// cliClient is the command line client of either make. The original's is without jline, whose prompts and escape
// sequences are no output of commands.
func cliClient(t *testing.T, ours bool, args ...string) *exec.Cmd {
	t.Helper()
	if ours {
		return exec.Command(program(t, "zkcli"), args...)
	}
	conf := t.TempDir()
	logback := "<configuration><root level=\"OFF\"/></configuration>\n"
	require.NoError(t, os.WriteFile(filepath.Join(conf, "logback.xml"), []byte(logback), 0o644))
	cmd := zookeeper.java(t, "", "org.apache.zookeeper.ZooKeeperMain", args...)
	for i, a := range cmd.Args {
		if a != "-cp" {
			continue
		}
		jars, err := filepath.Glob(strings.TrimSuffix(cmd.Args[i+1], "*") + "*.jar")
		require.NoError(t, err)
		jars = slices.DeleteFunc(jars, func(j string) bool { return strings.HasPrefix(filepath.Base(j), "jline") })
		cmd.Args[i+1] = strings.Join(append([]string{conf}, jars...), string(filepath.ListSeparator))
	}
	return cmd
}

// cliNoise are lines that are no output of commands, and texts that differ from run to run.
var cliNoise = []struct{ re, with string }{
	{`(?m)^.* (INFO|WARN|ERROR|DEBUG) .*\n`, ""},
	{`(?m)^(log4j|SLF4J).*\n`, ""},
	{`(?m)^\S*(Exception|Error)\b.*\n(\t(at|\.\.\.) .*\n)+`, ""}, // stack traces of the original's logger
	{`(?m)^(org\.apache\.zookeeper\.ClientCnxn\$|Caused by:|java\.).*\n`, ""},
	{`(?m)^\t(at|\.\.\.) .*\n`, ""},
	{`(?m)^JLine support is .*\n`, ""},
	{`(?m)^ZooKeeper -server .*\n`, ""}, // the first line of the usage names zkcli's own options
	{`(?m)^\t(exit|help) \n`, ""},       // commands of 3.10 and of ours
	{`(?m)^(ZooKeeper CLI version: 3\.9\.5-)\S+, built on .+\n`, "${1}REVISION, built on DATE\n"},
	{`(?m)^(.*)time = .*$`, "${1}time = T"}, //
	{`ephemeralOwner = 0x[0-9a-f]{3,}`, "ephemeralOwner = SESSION"},
	{`127\.0\.0\.1:\d+`, "ADDR"},
	{`(?m)^(KeeperErrorCode = \w+ for /\w+)('world)`, "${1}\n${2}"}, // setAcl -R of the original does not end the line
}

// cliEvent is one of the two messages of an event, each printed at once.
var cliEvent = regexp.MustCompile(`\n(WATCHER::|WatchedEvent [^\n]*)\n`)

// cliTranscript is what a client printed, without noise. Events come on a thread of their own, which may print in the
// middle of another output, and are listed apart.
func cliTranscript(stdout, stderr string) string {
	var events, ofSessions []string
	for _, m := range cliEvent.FindAllStringSubmatch(stdout, -1) {
		switch {
		case !strings.HasPrefix(m[1], "WatchedEvent"):
		case strings.Contains(m[1], "state:Disconnected"): // the server closes the connection, too: who hears of it before the end is chance
		case strings.Contains(m[1], "type:None"):
			ofSessions = append(ofSessions, m[1])
		default:
			events = append(events, m[1])
		}
	}
	slices.Sort(ofSessions) // one that takes the place of another has a thread of its own
	events = append(ofSessions, events...)
	stdout = cliEvent.ReplaceAllString(stdout, "")
	text := stdout + "---- stderr\n" + stderr + "---- events\n" + strings.Join(events, "\n")
	for _, n := range cliNoise {
		text = regexp.MustCompile(n.re).ReplaceAllString(text, n.with)
	}
	text = regexp.MustCompile(`((?:digest|x509): \S+)\n(ip: \S+)`).ReplaceAllString(text, "$2\n$1")  // another set
	return regexp.MustCompile(`(?m)^\[/.*\]$`).ReplaceAllStringFunc(text, func(list string) string { // a HashSet's order
		names := strings.Split(strings.Trim(list, "[]"), ", ")
		slices.Sort(names)
		return "[" + strings.Join(names, ", ") + "]"
	})
}

// cliScripts are given to a client line by line. Together they call every command with every option.
var cliScripts = map[string][]string{
	"znodes": {
		"create /a hello", "create /a again", "create /a/b/c x", "create /a/b world", "create -s /a/s- x", "create -s /a/s- x",
		"create -e /a/e x", "create /a/e/child x", "create -s -e /a/es- x", "create -c /cont", "create -t 100000 /ttl", "create -s -t 100000 /ttl-",
		"create -e -c /x", "create -t 5 -e /x", "create -t 5 -c /x", "create -t x /x", "create -t 0 /x", "create -z /x", "create",
		"create noslash", "create /a/../b", "create /x/", "create //x", "create /n d bogus", `create /quoted "two words" world:anyone:r`,
		"create /empty ''", "ls /", "ls -s /a", "ls -R /a", "ls -R /nope", "ls", "ls /nope", "ls /a watch",
		"get /a", "get -s /a/b", "get -b /a", "get -x /a", "get -sb /a", "get /cont", "get /empty", "get /nope", "get", "get a", "get /a/", "get -z /a",
		"get /a watch", "set /a/b new", "set -v 7 /a/b newer", "set -s -v 1 /a/b newest", "set -b /a/b ZGF0YQ==", "get /a/b", "set /a", "set -v", "set /nope x",
		"stat /a", "stat /nope", "stat", "stat /a watch", "delete -v 9 /a/b", "delete -v 3 /a/b", "delete /a", "delete", "delete /nope", "delete /cont 3",
		"sync /", "sync /nope", "sync", "sync bad", "deleteall /nope", "deleteall /a -b 2", "deleteall /quoted -b 0", "deleteall /empty -b x", "deleteall",
		"ls /", "quit",
	},
	"access": {
		"whoami", "addauth digest user:pw", "whoami", "addauth", "create /p x", "create /p/c x", "create /p/c/d x", "getAcl /p", "getAcl -s /p/c", "getAcl /nope", "getAcl",
		"setAcl /p world:anyone:r", "set /p refused", "setAcl /p world:anyone:cdrwa", "setAcl -s /p/c auth::cdrwa", "getAcl /p/c",
		"setAcl -v 7 /p/c world:anyone:r", "setAcl /p bogus", "setAcl /p world:anyone:rz", "setAcl /p", "setAcl /p world:anyone:cdrwa",
		"setAcl -R /p world:anyone:cdrwa", "getAcl /p/c/d", "setAcl -R /nope world:anyone:r", "setAcl /p ip:10.0.0.0/8:r", "get /p", "delete /p/c", "quit",
	},
	"quotas": {
		"create /q data", "create /q/c data2", "listquota /q", "listquota", "setquota -n 5 /q", "listquota /q", "setquota -b 100 /q", "setquota -N 10 /q",
		"setquota -B 200 /q", "listquota /q", "setquota -n 1 /q", "setquota -b 2 /q", "setquota -n 5 /q/c", "setquota -n 0 /q", "setquota -b -1 /q", "setquota -N 0 /q",
		"setquota -B -5 /q", "setquota -n x /q", "setquota /q", "setquota -n 3", "setquota -n 3 -b 3 /q", "setquota -n", "setquota -n 3 /nope",
		"setquota -n 3 /zookeeper/quota", "setquota -n 5 /", "create /q/d x", "listquota /q", "delquota -n /q", "listquota /q", "delquota -b /q", "delquota -N /q", "delquota -B /q",
		"listquota /q", "delquota -n -b /q", "delquota /q", "delquota /q", "delquota", "ls /zookeeper/quota", "create /q/deep x", "setquota -n 9 /q/deep", "setquota -n 9 /q",
		"ls -R /zookeeper/quota", "delquota /q/deep", "ls -R /zookeeper/quota", "setquota -N 2 /q", "create /q/more x", "quit",
	},
	"watches": {
		"create /w x", "create /w/c x", "addWatch", "addWatch /w /v", "addWatch -m bogus /w", "addWatch -m PERSISTENT /w", "addWatch -m persistent_recursive /w/c", "set /w y", "set /w/c y",
		"removewatches -p /w", "removewatches -p /w", "set /w z", "removewatches -r /w/c", "removewatches", "removewatches /w", "get -w /w", "removewatches /w", "get -w /w",
		"removewatches /w -c", "removewatches /w -d", "ls -w /w", "removewatches /w -c -l", "stat -w /w", "removewatches /w -a", "stat -w /later", "create /later x",
		"config -w", "ls -R -w /w", "delete /w/c", "set /later z", await + "NodeChildrenChanged path:/w", "quit",
	},
	"ensemble": {
		"config", "config -c", "config -s", "config -c -s -w", "config -z", "reconfig", "reconfig -add server.2=localhost:1:2;3", "reconfig -remove 3", "reconfig -members server.1=localhost:1:2;3",
		"reconfig -members x -add y", "reconfig -v zz -add y", "reconfig -file /nope -members x", "reconfig -s -v 0 -add server.2=localhost:1:2;3", "reconfig -add",
		"getAllChildrenNumber /", "getAllChildrenNumber", "getAllChildrenNumber /nope", "getEphemerals", "create -e /e1 x", "create -e /e2 x", "create /n x",
		"getEphemerals", "getEphemerals /e1", "getEphemerals /nope", "getAllChildrenNumber /", "quit",
	},
	"shell": {
		"frob", "ls /", "printwatches", "printwatches x", "printwatches", "printwatches on", "history", "redo 1", "redo", "redo 99", "redo -1", "redo 3", "history", "version x", "close", "ls /", "whoami", "history", "printwatches", "connect ADDR", "ls /",
		"create -e /e x", "connect", "ls /", "whoami", "quit", "ls /",
	},
}

func TestCommandLineClientsAgree(t *testing.T) {
	t.Parallel()
	for name, script := range cliScripts {
		t.Run(name, func(t *testing.T) {
			var want string
			for _, pair := range []struct{ client, server bool }{{}, {client: true}, {server: true}, {client: true, server: true}} {
				s := cliServer(t, pair.server)
				code, stdout, stderr := converse(t, at(script, s.addr), cliClient(t, pair.client, "-server", s.addr))
				got := fmt.Sprintf("exit code %d\n%s", code, cliTranscript(stdout, stderr))
				if want == "" {
					want = got
					require.Contains(t, want, "state:SyncConnected type:None path:null")
				}
				require.Equal(t, want, got, "our client: %v, our server: %v", pair.client, pair.server)
				s.kill()
			}
		})
	}
}

func TestSingleCommandsAgree(t *testing.T) {
	t.Parallel()
	servers := map[bool]server{false: cliServer(t, false), true: cliServer(t, true)}
	for i, args := range [][]string{
		{"create", "/one", "x"},
		{"create", "/one", "x"},
		{"get", "/nope"},
		{"frob"},
		{"get", "-s"},
		{"ls", "/"},
		{"stat", "/nope"},
		{"-timeout", "4000", "-waitforconnection", "set", "/one", "y"},
		{"-r", "getAcl", "/one"},
		{"version"},
	} {
		for _, ours := range []bool{false, true} {
			var want string
			for _, client := range []bool{false, true} {
				run1 := slices.Clone(args)
				for j := range run1 { // each client has znodes of its own, as each command is run twice on a server
					if !client {
						run1[j] = strings.ReplaceAll(run1[j], "/one", "/1ne")
					}
				}
				code, stdout, stderr := run(t, "", cliClient(t, client, append([]string{"-server", servers[ours].addr}, run1...)...))
				got := fmt.Sprintf("exit code %d\n%s", code, cliTranscript(stdout, stderr))
				got, _, _ = strings.Cut(got, "---- events") // a command that asks no server can be done before the session is there
				got = strings.ReplaceAll(strings.ReplaceAll(got, "1ne, one", "1ne"), "1ne", "one")
				if !client {
					want = got
				} else {
					require.Equal(t, want, got, "%d: %v, our server: %v", i, args, ours)
				}
			}
		}
	}
}

// The session of a single command is left to its timeout, by both: an ephemeral znode outlives the command.
func TestEphemeralOfASingleCommandOutlivesIt(t *testing.T) {
	t.Parallel()
	for _, ours := range []bool{false, true} {
		t.Run(fmt.Sprintf("our server: %v", ours), func(t *testing.T) {
			t.Parallel()
			s := cliServer(t, ours)
			c := s.connect(t)
			var paths []string
			for _, client := range []bool{false, true} {
				path := fmt.Sprintf("/e-%v", client)
				paths = append(paths, path)
				code, _, stderr := run(t, "", cliClient(t, client, "-server", s.addr, "-timeout", "10000", "create", "-e", path, "x"))
				require.Zero(t, code, stderr)
				exists, _, err := c.Exists(path)
				require.NoError(t, err)
				require.True(t, exists, "our client: %v", client)
			}
			for _, path := range paths {
				eventually(t, path+" goes with its session", func() bool {
					exists, _, err := c.Exists(path)
					return err == nil && !exists
				})
			}
		})
	}
}
