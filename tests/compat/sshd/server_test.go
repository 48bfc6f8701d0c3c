//go:build compat && linux

package sshd

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// How long something may take to be there, and how often it is looked for.
const (
	eventually = 30 * time.Second
	tick       = 5 * time.Millisecond
)

// listenEnv makes the test program a service that listens and does nothing.
const listenEnv = "HOLDFAST_SSHD_TEST_LISTEN"

func TestMain(m *testing.M) {
	if addr := os.Getenv(listenEnv); addr != "" {
		serveForEver(addr)
	}
	dir, err := os.MkdirTemp("", "holdfast-sshd")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	hostKeys.dir = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { os.RemoveAll(dir); os.Exit(code) }))
}

// hostKeys are the same for all servers, because making them takes long.
var hostKeys struct {
	dir  string
	once sync.Once
}

func serveForEver(addr string) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stdout, ln.Addr().(*net.TCPAddr).Port)
	for {
		_, _ = ln.Accept()
	}
}

// service is a process that listens on a port.
func service(t *testing.T) (*exec.Cmd, int) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), listenEnv+"=127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	port, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	return cmd, port
}

// server is a running sshd with keys and files of its own.
type server struct {
	port       string
	dir        string // authorized_keys and settings
	user       string
	knownHosts string
	log        string
}

func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), out)
	return string(out)
}

// sshd is OpenSSH's server; it wants to be called by its whole path.
func sshd(t *testing.T) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin") {
		if file := filepath.Join(dir, "sshd"); executable(file) {
			return file
		}
	}
	require.FailNow(t, "there is no sshd: install the package openssh-server")
	return ""
}

func executable(file string) bool {
	st, err := os.Stat(file)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
}

// start runs sshd with its defaults and, at most, some settings of the test.
func start(t *testing.T, settings ...string) *server {
	t.Helper()
	program := sshd(t)
	u, err := user.Current()
	require.NoError(t, err)
	s := &server{dir: t.TempDir(), user: u.Username}
	if u.Uid == "0" { // its directory for separated privileges, which its service file makes
		require.NoError(t, os.MkdirAll("/run/sshd", 0o755))
	}
	config := []string{"ListenAddress 127.0.0.1", "PidFile none", "UsePAM no", "StrictModes no", "AuthorizedKeysFile " + filepath.Join(s.dir, "authorized_keys")}
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		config = append(config, "HostKey "+filepath.Join(hostKeys.dir, kind))
	}
	hostKeys.once.Do(func() {
		for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
			tool(t, "ssh-keygen", "-q", "-t", kind, "-N", "", "-f", filepath.Join(hostKeys.dir, kind))
		}
	})
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "authorized_keys"), nil, 0o600))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, s.port, _ = net.SplitHostPort(ln.Addr().String())
	require.NoError(t, ln.Close())
	file := filepath.Join(s.dir, "sshd_config")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(append(config, settings...), "\n")+"\n"), 0o600))
	s.log = filepath.Join(s.dir, "log")
	cmd := exec.Command(program, "-D", "-f", file, "-p", s.port, "-E", s.log)
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	s.await(t, ended)

	s.knownHosts = filepath.Join(s.dir, "known_hosts")
	s.know(t, s.knownHosts, filepath.Join(hostKeys.dir, "ed25519"))
	return s
}

// await waits until it answers with its banner.
func (s *server) await(t *testing.T, ended chan error) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		select {
		case err := <-ended:
			ended <- err
			text, _ := os.ReadFile(s.log)
			require.FailNow(t, "sshd ended", "%v: %s", err, text)
		case <-time.After(5 * time.Millisecond):
		}
		conn, err := net.Dial("tcp", "127.0.0.1:"+s.port)
		if err != nil {
			continue
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		conn.Close()
		if err == nil && strings.HasPrefix(line, "SSH-2.0-OpenSSH") {
			return
		}
	}
	require.FailNow(t, "sshd does not answer")
}

// know writes a known_hosts file in which the server has a key.
func (s *server) know(t *testing.T, file, key string) {
	t.Helper()
	pub, err := os.ReadFile(key + ".pub")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, "[127.0.0.1]:%s %s", s.port, pub), 0o600))
}

// key makes a key by ssh-keygen, which may log in from now on.
func (s *server) key(t *testing.T, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "id")
	tool(t, "ssh-keygen", append([]string{"-q", "-f", file}, args...)...)
	s.allow(t, file)
	return file
}

func (s *server) allow(t *testing.T, key string) {
	t.Helper()
	pub, err := os.ReadFile(key + ".pub")
	require.NoError(t, err)
	f, err := os.OpenFile(filepath.Join(s.dir, "authorized_keys"), os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = f.Write(pub)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}
