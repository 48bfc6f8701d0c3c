package fencing

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// listenEnv makes the test program a service that listens and does nothing.
const listenEnv = "HOLDFAST_FENCING_TEST_LISTEN"

// serveForEver is the service; it never returns.
func serveForEver() {
	ln, err := net.Listen("tcp", os.Getenv(listenEnv))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stdout, ln.Addr().(*net.TCPAddr).Port)
	for {
		_, _ = ln.Accept()
	}
}

func init() {
	if os.Getenv(listenEnv) != "" {
		serveForEver()
	}
}

// startService starts a process that listens.
func startService(t *testing.T, addr string) (*exec.Cmd, int) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), listenEnv+"="+addr)
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

// realShell runs the scripts on this machine, with the programs in path only.
func realShell(path string) shellFunc {
	return func(command, script string, stdout, stderr io.Writer) int {
		sh, err := exec.LookPath(command)
		if err != nil {
			return 127
		}
		cmd := exec.Command(sh)
		cmd.Env = []string{"PATH=" + path}
		if path != os.Getenv("PATH") { // the scripts add directories of their own
			script = "PATH=" + path + "\n" + strings.Replace(script, "PATH=$PATH:/sbin:/usr/sbin:/usr/local/sbin;", "", 1)
		}
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(script), stdout, stderr
		_ = cmd.Run()
		return cmd.ProcessState.ExitCode()
	}
}

// only is a directory with these programs.
func only(t *testing.T, programs ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, p := range programs {
		file, err := exec.LookPath(p)
		require.NoError(t, err)
		require.NoError(t, os.Symlink(file, filepath.Join(dir, p)))
	}
	return dir
}

func TestSSHKillsARealProcess(t *testing.T) {
	for name, path := range map[string]string{
		"a whole machine":            os.Getenv("PATH"),
		"neither ss, fuser nor nc":   only(t, "sh", "ls", "grep", "cat"),
		"nothing to find a process":  only(t, "sh", "grep", "cat"),
		"nothing to read the tables": only(t, "sh", "cat"),
	} {
		for _, addr := range []string{"127.0.0.1:0", "[::]:0"} {
			t.Run(name+" "+addr, func(t *testing.T) {
				cmd, port := startService(t, addr)
				bystander, otherPort := startService(t, "127.0.0.1:0")
				c := newSSHCase(t, &machine{})
				key, signer := newKey(t, "ed25519")
				c.server = newSSHServer(t, signer.PublicKey(), realShell(path))
				c.cfg = SSH{KeyFiles: []string{keyFile(t, key, "openssh")}, KnownHosts: []string{knows(t, c.server.addr, c.server.key.PublicKey())}}
				c.node.Port = port
				_, _, err := c.fence(t)
				if strings.HasPrefix(name, "nothing") {
					require.ErrorIs(t, err, ErrNotFenced)
					require.NotContains(t, err.Error(), "still accepts", "the machine must not be believed in the first place")
					_, err = net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
					require.NoError(t, err, "it lives, and nobody claimed otherwise")
					return
				}
				require.NoError(t, err)
				require.ErrorContains(t, cmd.Wait(), "signal: killed")
				conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(otherPort))
				require.NoError(t, err, "process %d listens on another port and lives", bystander.Process.Pid)
				require.NoError(t, conn.Close())
			})
		}
	}
}
