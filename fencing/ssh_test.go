package fencing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/holdfast-ha/holdfast/failover/target"
)

// machine plays the machine of a node: who listens, who can be killed, which programs there are.
type machine struct {
	mu        sync.Mutex
	port      int
	listeners map[int]int // socket -> process
	hidden    bool        // the sockets' owners are not shown
	immortal  bool        // kill -9 has no effect
	reborn    int         // how many times a supervisor starts the service again
	noProc    bool        // neither /proc nor ss
	nc        string      // what nc says
	fuser     string      // exit status of fuser
	hang      chan struct{}
	scripts   []string
}

func (m *machine) shell(command, script string, stdout, stderr io.Writer) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if command != "sh" {
		fmt.Fprintln(stderr, "what?")
		return 127
	}
	m.scripts = append(m.scripts, script)
	fmt.Fprintln(stdout, "Welcome to nn1") // a login shell's greeting
	switch {
	case strings.Contains(script, "#:fuser"):
		fmt.Fprintf(stdout, "#:fuser %s\n#:nc %s\n", m.fuser, m.nc)
		fmt.Fprintln(stderr, "fuser says so")
	case strings.Contains(script, "kill -9"):
		for socket, pid := range m.listeners {
			if !m.immortal && strings.Contains(script, fmt.Sprintf("kill -9 %d;", pid)) {
				delete(m.listeners, socket)
				if m.reborn > 0 {
					m.reborn--
					m.listeners[socket+1] = pid + 1
				}
			}
		}
	case strings.Contains(script, "ls -l"):
		if m.hang != nil {
			m.mu.Unlock()
			<-m.hang
			m.mu.Lock()
		}
		for socket, pid := range m.listeners {
			if !m.hidden {
				fmt.Fprintf(stdout, "/proc/1/fd:\n/proc/%d/fd:\nlrwx------ 1 hdfs hdfs 64 Nov 22 02:00 7 -> socket:[%d]\n/proc/self/fd:\n", pid, socket)
			}
		}
	default:
		if m.noProc {
			fmt.Fprintln(stdout, "#:ss\n#:ss-exit 127")
			break
		}
		fmt.Fprintln(stdout, "#:tcp\n   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1 0 100 0 0 10 0")
		for socket, pid := range m.listeners {
			fmt.Fprintf(stdout, "   1: 0100007F:%04X 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 %d 1 0 100 0 0 10 0\n", m.port, socket)
			if strings.Contains(script, fmt.Sprintf("#:pid %d'", pid)) {
				defer fmt.Fprintf(stdout, "#:pid %d\nState:\tS (sleeping)\nThreads:\t9\n#:end\n", pid)
			}
		}
		fmt.Fprintln(stdout, "#:tcp-exit 0\n#:ss\n#:ss-exit 127")
	}
	fmt.Fprintln(stdout, "#:end")
	return 0
}

// fenceBySSH fences a node whose machine is m and whose server is s.
type sshCase struct {
	server *sshServer
	node   target.Identity
	cfg    SSH
}

func newSSHCase(t *testing.T, m *machine) sshCase {
	t.Helper()
	t.Setenv("SSH_AUTH_SOCK", "")
	key, signer := newKey(t, "ed25519")
	s := newSSHServer(t, signer.PublicKey(), m.shell)
	ln, err := net.Listen("tcp", "127.0.0.1:0") // a port on which nobody listens afterwards
	require.NoError(t, err)
	m.port = ln.Addr().(*net.TCPAddr).Port
	require.NoError(t, ln.Close())
	node := nn1
	node.Port = m.port
	return sshCase{server: s, node: node, cfg: SSH{KeyFiles: []string{keyFile(t, key, "openssh")}, KnownHosts: []string{knows(t, s.addr, s.key.PublicKey())}}}
}

func (c sshCase) fence(t *testing.T, specs ...Spec) (Record, []string, error) {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	if len(specs) == 0 {
		specs = []Spec{{Method: "sshfence(hdfs:" + c.server.port() + ")"}}
	}
	f, err := New(Config{Methods: specs, SSH: c.cfg}, zap.New(core))
	require.NoError(t, err)
	rec, err := f.Fence(t.Context(), c.node)
	return rec, messages(logs), err
}

func TestSSHKillsWhatListensOnThePort(t *testing.T) {
	m := &machine{listeners: map[int]int{500: 123}}
	c := newSSHCase(t, m)
	rec, logs, err := c.fence(t)
	require.NoError(t, err)
	require.True(t, rec.Attempts[0].Success)
	require.Equal(t, []string{"hdfs"}, c.server.logins())
	name := "org.apache.hadoop.ha.SshFenceByTcpPort(hdfs:" + c.server.port() + ")"
	port := strconv.Itoa(m.port)
	require.Equal(t, []string{
		"INFO NodeFencer: ====== Beginning Service Fencing Process... ======",
		"INFO NodeFencer: Trying method 1/1: " + name,
		"INFO SshFenceByTcpPort: Connecting to 127.0.0.1...",
		"INFO SshFenceByTcpPort: Connected to 127.0.0.1",
		"INFO SshFenceByTcpPort: Looking for process running on port " + port,
		"INFO SshFenceByTcpPort: Killing [123], which listen on port " + port,
		"INFO SshFenceByTcpPort: Successfully killed process that was listening on port " + port,
		"INFO NodeFencer: ====== Fencing successful by method " + name + " ======",
	}, logs)
}

func TestSSHOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		m    *machine
		want string // empty: fenced
		log  string
	}{
		"nobody listens":               {&machine{}, "", "INFO SshFenceByTcpPort: Verified that the service is down."},
		"started again once":           {&machine{listeners: map[int]int{5: 50}, reborn: 1}, "", "INFO SshFenceByTcpPort: Killing [51], which listen on port"},
		"started again and again":      {&machine{listeners: map[int]int{5: 50}, reborn: 9}, "is listened on again each time", ""},
		"owner hidden, fuser kills":    {&machine{listeners: map[int]int{}, noProc: true, fuser: "0", nc: "refused"}, "", "WARN SshFenceByTcpPort: sshfence: fuser says so"},
		"owner hidden, fuser cannot":   {&machine{listeners: map[int]int{5: 50}, hidden: true, fuser: "1", nc: "open"}, "may not see or kill the process", "WARN SshFenceByTcpPort: Unable to fence - it is running but we cannot kill it"},
		"no tools, fuser cannot":       {&machine{noProc: true, fuser: "1", nc: "open"}, "running but we cannot kill it", ""},
		"no tools, fuser saw nothing":  {&machine{noProc: true, fuser: "1", nc: "refused"}, "", "INFO SshFenceByTcpPort: Verified that the service is down."},
		"no tools at all":              {&machine{noProc: true, fuser: "127", nc: "none"}, "it cannot be shown that nothing listens", ""},
		"fuser says killed, no proof":  {&machine{noProc: true, fuser: "0", nc: "none"}, "it cannot be shown that nothing listens", ""},
		"two processes on one port":    {&machine{listeners: map[int]int{5: 50, 6: 60}}, "", "INFO SshFenceByTcpPort: Killing [50 60], which listen on port"},
		"owner hidden, machine proves": {&machine{listeners: map[int]int{5: 50}, hidden: true, fuser: "0", nc: "none"}, "may not see or kill", ""},
		"process 1 is never signalled": {&machine{listeners: map[int]int{5: 1}, fuser: "1", nc: "open"}, "may not see or kill", ""},
	} {
		t.Run(name, func(t *testing.T) {
			sc := newSSHCase(t, c.m)
			_, logs, err := sc.fence(t)
			require.Contains(t, strings.Join(logs, "\n"), c.log)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ErrNotFenced)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestSSHProcessThatSurvivesIsNotFenced(t *testing.T) {
	m := &machine{listeners: map[int]int{5: 50}, immortal: true}
	c := newSSHCase(t, m)
	_, _, err := c.fence(t, Spec{Method: "sshfence(hdfs:" + c.server.port() + ")", Timeout: 300 * time.Millisecond})
	require.ErrorIs(t, err, ErrNotFenced)
	require.ErrorContains(t, err, "given up: no end within 300ms")
}

func TestSSHThatHangsIsGivenUp(t *testing.T) {
	m := &machine{listeners: map[int]int{5: 50}, hang: make(chan struct{})}
	c := newSSHCase(t, m)
	defer close(m.hang)
	rec, _, err := c.fence(t, Spec{Method: "sshfence(hdfs:" + c.server.port() + ")", Timeout: 200 * time.Millisecond}, Spec{Method: "sshfence(:1)"})
	require.ErrorIs(t, err, ErrNotFenced)
	require.Contains(t, rec.Attempts[0].Error, "given up: no end within 200ms")
	require.Less(t, rec.Attempts[0].Duration, 5*time.Second)
	require.Len(t, rec.Attempts, 2, "the next method has its turn")
}

// A server that accepts the connection and says nothing: the handshake is bounded by the connect timeout.
func TestSSHHandshakeIsBounded(t *testing.T) {
	c := newSSHCase(t, &machine{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	c.cfg.ConnectTimeout = 50 * time.Millisecond
	_, _, err = c.fence(t, Spec{Method: "sshfence(:" + strconv.Itoa(ln.Addr().(*net.TCPAddr).Port) + ")"})
	require.ErrorContains(t, err, "no login within 50ms (dfs.ha.fencing.ssh.connect-timeout)")
}

func TestSSHMachineThatCannotBeReachedIsNotFenced(t *testing.T) {
	m := &machine{}
	c := newSSHCase(t, m)
	_, _, err := c.fence(t, Spec{Method: fmt.Sprintf("sshfence(hdfs:%d)", m.port)})
	require.ErrorIs(t, err, ErrNotFenced)
	require.ErrorContains(t, err, "Unable to connect to 127.0.0.1 as user hdfs")
	require.ErrorContains(t, err, "whether the service is dead is not known")
}

// A process that has stopped listening, but cannot be killed, may still write.
func TestSSHProcessThatOnlyStopsListeningIsNotFenced(t *testing.T) {
	for text, after := range map[string]string{
		"live on after kill -9": "#:tcp\n#:tcp-exit 1\n#:pid 50\nState:\tD (disk sleep)\nThreads:\t9\n#:end\n",
		"not known whether":     "#:ss\n#:ss-exit 1\n#:pid 50\n#:end\n",
	} {
		m := &machine{port: 8020, listeners: map[int]int{5: 50}}
		k := killer{port: 8020, wait: 10 * time.Millisecond, log: zap.NewNop(), run: func(_ context.Context, script string) (string, error) {
			if strings.Contains(script, "#:pid 50") {
				return after, nil
			}
			var out strings.Builder
			m.shell("sh", script, &out, io.Discard)
			return out.String(), nil
		}}
		require.ErrorContains(t, k.kill(t.Context()), text)
		require.Empty(t, m.listeners)
	}
}

// The machine says that nothing listens, but the port answers: a service in a container of its own.
func TestSSHBelievesThePortMoreThanTheMachine(t *testing.T) {
	c := newSSHCase(t, &machine{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	c.node.Port = ln.Addr().(*net.TCPAddr).Port
	_, _, err = c.fence(t)
	require.ErrorIs(t, err, ErrNotFenced)
	require.ErrorContains(t, err, "still accepts connections")
}

func TestSSHAccountWithOneCommandIsNotBelieved(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	key, signer := newKey(t, "ed25519")
	for name, sh := range map[string]shellFunc{
		"the answer of the machine is not what was asked for": func(_, _ string, out, _ io.Writer) int { fmt.Fprintln(out, "killed"); return 0 },
		"the shell on the machine":                            func(_, _ string, _, _ io.Writer) int { return 1 },
		"the answer of the machine is longer": func(_, _ string, out, _ io.Writer) int {
			_, _ = out.Write(make([]byte, maxReply+1))
			return 0
		},
	} {
		s := newSSHServer(t, signer.PublicKey(), sh)
		c := sshCase{server: s, node: nn1, cfg: SSH{KeyFiles: []string{keyFile(t, key, "openssh")}, KnownHosts: []string{knows(t, s.addr, s.key.PublicKey())}}}
		_, _, err := c.fence(t)
		require.ErrorIs(t, err, ErrNotFenced, name)
		require.ErrorContains(t, err, name)
	}
}

func TestSSHSeveralMethodsInOrder(t *testing.T) {
	m := &machine{listeners: map[int]int{500: 123}}
	c := newSSHCase(t, m)
	rec, _, err := c.fence(t, Spec{Method: fmt.Sprintf("sshfence(:%d)", m.port)}, Spec{Method: "sshfence(second:" + c.server.port() + ")"}, Spec{Method: "sshfence(third)"})
	require.NoError(t, err)
	require.Len(t, rec.Attempts, 2)
	require.Equal(t, "sshfence(second:"+c.server.port()+")", rec.Method)
	require.Equal(t, []string{"second"}, c.server.logins())
}

// behaviour of 3.4.3, recorded: haadmin -failover --forcefence kills the node that becomes active first.
func TestSSHNeverFencesTheNodeThatBecomesActive(t *testing.T) {
	m := &machine{listeners: map[int]int{500: 123}}
	c := newSSHCase(t, m)
	other := &machine{listeners: map[int]int{600: 456}}
	to := newSSHCase(t, other).node
	f, err := New(Config{Methods: []Spec{{Method: "sshfence(:" + c.server.port() + ")"}}, SSH: c.cfg, Manual: true}, nil)
	require.NoError(t, err)
	_, err = f.Do(t.Context(), Request{Node: c.node, To: &to, Manual: true, Both: true})
	require.NoError(t, err)
	require.Len(t, c.server.logins(), 1)
	for _, s := range m.scripts {
		require.NotContains(t, s, strconv.Itoa(to.Port))
	}
	require.Empty(t, m.listeners)
	require.Len(t, other.listeners, 1)
}

func TestSSHKeysOfAllKinds(t *testing.T) {
	for _, c := range []string{"rsa openssh", "rsa pem", "rsa pkcs8", "ecdsa openssh", "ecdsa pem", "ecdsa pkcs8", "ed25519 openssh", "ed25519 pkcs8"} {
		t.Run(c, func(t *testing.T) {
			kind, format, _ := strings.Cut(c, " ")
			key, signer := newKey(t, kind)
			sc := newSSHCase(t, &machine{})
			sc.server = newSSHServer(t, signer.PublicKey(), (&machine{}).shell)
			sc.cfg.KeyFiles = []string{keyFile(t, key, format)}
			sc.cfg.KnownHosts = []string{knows(t, sc.server.addr, sc.server.key.PublicKey())}
			_, _, err := sc.fence(t)
			require.NoError(t, err)
		})
	}
}

func TestSSHAgentHasTheKey(t *testing.T) {
	key, signer := newKey(t, "rsa")
	ring := agent.NewKeyring()
	require.NoError(t, ring.Add(agent.AddedKey{PrivateKey: key}))
	dir := t.TempDir()
	ln, err := net.Listen("unix", dir+"/agent")
	require.NoError(t, err)
	defer ln.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = agent.ServeAgent(ring, conn)
			conn.Close()
		}
	})
	defer ln.Close()
	c := newSSHCase(t, &machine{})
	c.server = newSSHServer(t, signer.PublicKey(), (&machine{}).shell)
	c.cfg = SSH{Agent: dir + "/agent", KnownHosts: []string{knows(t, c.server.addr, c.server.key.PublicKey())}}
	_, _, err = c.fence(t)
	require.NoError(t, err)
	c.cfg.Agent = ""
	t.Setenv("SSH_AUTH_SOCK", dir+"/agent")
	_, _, err = c.fence(t)
	require.NoError(t, err)
}

func TestSSHKeysThatDoNotOpen(t *testing.T) {
	c := newSSHCase(t, &machine{})
	stranger, strangersSigner := newKey(t, "ed25519")
	_, err := os.Stat("/no/such/key")
	require.Error(t, err)
	noSuchFile := errors.Unwrap(err).Error() // in this system's words
	for want, files := range map[string][]string{
		"none of the 1 keys is accepted":   {keyFile(t, stranger, "openssh")},
		"is protected by a passphrase":     {keyFile(t, stranger, "locked")},
		"is in PuTTY's format":             {writeFile(t, "k.ppk", "PuTTY-User-Key-File-3: ssh-ed25519\n")},
		"is the public half":               {writeFile(t, "k.pub", string(ssh.MarshalAuthorizedKey(strangersSigner.PublicKey())))},
		"cannot be read as a private key":  {writeFile(t, "k", "nonsense")},
		noSuchFile:                         {"/no/such/key"},
		"there is no key to log in with":   nil,
		"none of the 1 keys is accepted: ": {"/no/such/key", keyFile(t, stranger, "openssh")},
	} {
		c.cfg.KeyFiles = files
		_, _, err := c.fence(t)
		require.ErrorIs(t, err, ErrNotFenced)
		require.ErrorContains(t, err, want)
	}
}

func TestSSHHostKeyIsChecked(t *testing.T) {
	c := newSSHCase(t, &machine{})
	_, other := newKey(t, "ed25519")
	good := c.cfg.KnownHosts
	_, noKnownHosts := os.Stat("/no/such/file")
	require.Error(t, noKnownHosts)
	for want, files := range map[string][]string{
		"another one answers in its place":            {knows(t, c.server.addr, other.PublicKey())},
		"add it by ssh-keyscan -p " + c.server.port(): {knows(t, "elsewhere:22", other.PublicKey())},
		"known hosts: " + noKnownHosts.Error():        {"/no/such/file"},
		"known hosts: knownhosts: ":                   {writeFile(t, "bad", "host ssh-rsa !!!\n")},
	} {
		c.cfg.KnownHosts = files
		_, _, err := c.fence(t)
		require.ErrorIs(t, err, ErrNotFenced)
		require.ErrorContains(t, err, want)
		require.Empty(t, c.server.logins())
	}
	c.cfg.KnownHosts, c.cfg.AnyHostKey = []string{knows(t, c.server.addr, other.PublicKey())}, true
	_, logs, err := c.fence(t)
	require.NoError(t, err)
	require.Contains(t, strings.Join(logs, "\n"), "WARN SshFenceByTcpPort: Accepting the host key of")
	c.cfg.KnownHosts, c.cfg.AnyHostKey = good, false
	_, _, err = c.fence(t)
	require.NoError(t, err)
}

// A host has keys of several kinds. If only its RSA key is known, it is asked for that one.
func TestSSHAsksForTheKindOfHostKeyThatIsKnown(t *testing.T) {
	c := newSSHCase(t, &machine{})
	key, signer := newKey(t, "ecdsa")
	_, r := newKey(t, "rsa")
	_, e := newKey(t, "ed25519")
	c.server = newSSHServer(t, signer.PublicKey(), (&machine{}).shell, e, r)
	c.cfg = SSH{KeyFiles: []string{keyFile(t, key, "openssh")}, KnownHosts: []string{knows(t, c.server.addr, r.PublicKey())}}
	_, _, err := c.fence(t)
	require.NoError(t, err)
}

func TestSSHWarningsComeBeforeTheyMatter(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("USERPROFILE", t.TempDir())
	warn := func(cfg SSH) string {
		f, err := New(Config{Methods: []Spec{{Method: "sshfence\nsshfence"}, {Method: "shell(x)"}}, SSH: cfg}, nil)
		require.NoError(t, err)
		return strings.Join(f.Warnings(), "\n")
	}
	require.Contains(t, warn(SSH{}), "sshfence: there is no key to log in with")
	_, missing := os.Stat("/no/file")
	require.Contains(t, warn(SSH{KeyFiles: []string{"~/no"}, KnownHosts: []string{"/no/file"}}), "known hosts: "+missing.Error())
	key, _ := newKey(t, "ed25519")
	require.Empty(t, warn(SSH{KeyFiles: []string{keyFile(t, key, "openssh")}, AnyHostKey: true}))
}

func TestSSHUserIsTheOneOfThisProcess(t *testing.T) {
	c := newSSHCase(t, &machine{})
	_, _, err := c.fence(t, Spec{Method: "sshfence(:" + c.server.port() + ")"})
	require.NoError(t, err)
	want, err := sshFence{}.login()
	require.NoError(t, err)
	require.Equal(t, []string{want}, c.server.logins())
}

func TestLookIsRead(t *testing.T) {
	zombie := "#:pid 7\nState:\tZ (zombie)\nThreads:\t"
	require.Equal(t, scene{}, parseLook("", 1))
	require.Empty(t, parseLook(zombie+"1\n#:end\n", 1).alive)
	require.Equal(t, []int{7}, parseLook(zombie+"4\n#:end\n", 1).alive, "its first thread has ended, others run on")
	require.Empty(t, parseLook("#:pid 7\n#:pid 8\n#:end\n", 1).alive)
	ss := "#:ss\nState Recv-Q\nLISTEN 0 128 *:8020 *:* users:((\"x\",pid=4,fd=5)) uid:1 ino:77 sk:1\nLISTEN 0 128 [::]:80 *:* ino:78 sk:2\n#:ss-exit "
	require.Equal(t, scene{proven: true, listening: true, inodes: []string{"77"}}, parseLook(ss+"0\n", 8020))
	require.Equal(t, scene{}, parseLook(ss+"1\n", 8020), "its failure proves nothing")
	for answer, proven := range map[string]bool{
		"#:tcp\n#:tcp-exit 1\n": true, "#:tcp\n#:tcp-exit 2\n": false, "#:tcp\n#:tcp-exit 127\n": false, "#:tcp\n": false,
		"#:tcp\n#:tcp-exit 0\n#:tcp\n#:tcp6-exit 2\n": false, "#:tcp\n#:tcp-exit 0\n#:tcp\n#:tcp6-exit 1\n": true,
	} {
		require.Equal(t, proven, parseLook(answer, 1).proven, answer)
	}
	require.False(t, parseLook("#:tcp\n 1: 0:1F54 0:0 01 x x x x x 5\n", 8020).listening, "a connection is no listener")
	require.Equal(t, []int{5}, parseFind("/proc/5/fd:\nl 3 -> socket:[9]\nl 4 -> socket:[9]\n/proc/6/fd:\nl 3 -> socket:[99]\n/proc/1/fd:\nl 3 -> socket:[9]\n", []string{"9"}))
}

func FuzzAnswersOfTheMachine(f *testing.F) {
	f.Add("#:tcp\n 1: 0:1F54 0:0 0A x x x x x 5\n#:pid 5\nState: S\nThreads: x\n#:ss-exit 0\n/proc/5/fd:\n -> socket:[5]\n#:nc none", 8020)
	f.Fuzz(func(t *testing.T, text string, port int) {
		at := parseLook(text, port)
		for _, i := range at.inodes {
			_, err := strconv.ParseUint(i, 10, 64)
			require.NoError(t, err)
		}
		require.True(t, at.listening || len(at.inodes) == 0)
		for _, p := range parseFind(text, at.inodes) {
			require.Greater(t, p, 1)
		}
		_ = said(text, "#:nc ")
	})
}

func TestSSHCallerThatGivesUp(t *testing.T) {
	m := &machine{listeners: map[int]int{5: 50}, hang: make(chan struct{})}
	c := newSSHCase(t, m)
	defer close(m.hang)
	f, err := New(Config{Methods: []Spec{{Method: "sshfence(:" + c.server.port() + ")"}}, SSH: c.cfg}, nil)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = f.Fence(ctx, c.node)
	require.ErrorIs(t, err, ErrNotFenced)
	require.ErrorContains(t, err, "given up: context deadline exceeded")
}

// The first offer of each key comes before any second one: a server grants few tries.
func TestRSAKeysAreOfferedWithBothSignatures(t *testing.T) {
	_, rsaKey := newKey(t, "rsa")
	_, other := newKey(t, "ed25519")
	var got [][]string
	for _, k := range offers([]ssh.Signer{rsaKey, other, rsaKey}) {
		if k == other {
			got = append(got, nil)
			continue
		}
		got = append(got, k.(ssh.MultiAlgorithmSigner).Algorithms())
	}
	strong := []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
	require.Equal(t, [][]string{strong, nil, strong, strong[1:], strong[1:]}, got)
}
