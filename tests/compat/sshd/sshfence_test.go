//go:build compat && linux

package sshd

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/fencing"
)

// fence runs sshfence for a service on this machine.
func (s *server) fence(t *testing.T, cfg fencing.SSH, port int) (fencing.Record, error) {
	t.Helper()
	if cfg.Agent == "" {
		cfg.Agent = filepath.Join(t.TempDir(), "no-agent") // not the one of whoever runs the test
	}
	f, err := fencing.New(fencing.Config{Methods: []fencing.Spec{{Method: "sshfence(" + s.user + ":" + s.port + ")"}}, SSH: cfg}, zaptest.NewLogger(t))
	require.NoError(t, err)
	return f.Fence(t.Context(), target.Identity{NameserviceID: "ns1", ServiceID: "nn1", Host: "127.0.0.1", Port: port, ZKFCPort: 8019})
}

func requireKilled(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	require.ErrorContains(t, cmd.Wait(), "signal: killed")
}

func requireAlive(t *testing.T, port int) {
	t.Helper()
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

// The matrix of behaviour recorded of the original: of these kinds of key its library can use ECDSA in PEM only, and RSA in
// PEM where the server is told to accept SHA-1.
func TestEveryKindOfKeyOpensEverySSHD(t *testing.T) {
	keys := map[string]string{}
	for kind, args := range map[string][]string{
		"RSA 3072, PEM":            {"-t", "rsa", "-b", "3072", "-m", "PEM"},
		"RSA 3072, OpenSSH format": {"-t", "rsa", "-b", "3072"},
		"RSA 2048, PKCS8":          {"-t", "rsa", "-b", "2048", "-m", "PKCS8"},
		"ECDSA, PEM":               {"-t", "ecdsa", "-m", "PEM"},
		"ECDSA 521, OpenSSH":       {"-t", "ecdsa", "-b", "521"},
		"ed25519":                  {"-t", "ed25519"},
	} {
		keys[kind] = filepath.Join(t.TempDir(), "id")
		tool(t, "ssh-keygen", append([]string{"-q", "-N", "", "-f", keys[kind]}, args...)...)
	}
	for name, settings := range map[string][]string{"default": nil, "with ssh-rsa": {"PubkeyAcceptedAlgorithms +ssh-rsa"}} {
		s := start(t, settings...)
		for kind, key := range keys {
			t.Run(name+" "+kind, func(t *testing.T) {
				s.allow(t, key)
				victim, port := service(t)
				_, bystander := service(t)
				rec, err := s.fence(t, fencing.SSH{KeyFiles: []string{key}, KnownHosts: []string{s.knownHosts}}, port)
				require.NoError(t, err)
				require.True(t, rec.Fenced)
				requireKilled(t, victim)
				requireAlive(t, bystander)
			})
		}
	}
}

// sshd tells a client of all signatures that it can check, not only of those that it accepts.
func TestRSAKeySignsAsSSHDWantsIt(t *testing.T) {
	for name, setting := range map[string]string{
		"SHA-512 only": "PubkeyAcceptedAlgorithms rsa-sha2-512", "SHA-256 only": "PubkeyAcceptedAlgorithms rsa-sha2-256",
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, setting, "MaxAuthTries 3")
			stranger := filepath.Join(t.TempDir(), "id")
			tool(t, "ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", stranger)
			victim, port := service(t)
			_, err := s.fence(t, fencing.SSH{KeyFiles: []string{s.key(t, "-t", "rsa", "-N", ""), stranger}, KnownHosts: []string{s.knownHosts}}, port)
			require.NoError(t, err)
			requireKilled(t, victim)
		})
	}
}

func TestPortThatNobodyServesIsFenced(t *testing.T) {
	s := start(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := ln.Addr().(*net.TCPAddr).Port
	require.NoError(t, ln.Close())
	_, err = s.fence(t, fencing.SSH{KeyFiles: []string{s.key(t, "-t", "ed25519", "-N", "")}, KnownHosts: []string{s.knownHosts}}, port)
	require.NoError(t, err, "it was seen on the machine that nothing listens")
}

func TestKeysThatDoNotOpen(t *testing.T) {
	s := start(t)
	stranger := filepath.Join(t.TempDir(), "id")
	tool(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger)
	locked := s.key(t, "-t", "ed25519", "-N", "secret")
	for name, c := range map[string]struct{ file, says string }{
		"a key that is not authorized": {stranger, `none of the 1 keys is accepted: add the public half to authorized_keys of ` + regexp.QuoteMeta(s.user)},
		"a passphrase, OpenSSH format": {locked, `is protected by a passphrase, and nobody is there to type it`},
		"a passphrase, PEM":            {s.key(t, "-t", "ecdsa", "-m", "PEM", "-N", "secret"), `is protected by a passphrase`},
		"the public half":              {locked + ".pub", `is the public half; name the file without \.pub`},
		"no such file":                 {stranger + ".no", `no such file`},
	} {
		t.Run(name, func(t *testing.T) {
			_, port := service(t)
			_, err := s.fence(t, fencing.SSH{KeyFiles: []string{c.file}, KnownHosts: []string{s.knownHosts}}, port)
			require.ErrorIs(t, err, fencing.ErrNotFenced)
			require.Regexp(t, c.says, err.Error())
			requireAlive(t, port)
		})
	}
	victim, port := service(t)
	_, err := s.fence(t, fencing.SSH{KeyFiles: []string{locked, stranger, s.key(t, "-t", "ecdsa", "-N", "")}, KnownHosts: []string{s.knownHosts}}, port)
	require.NoError(t, err, "one key that opens is enough")
	requireKilled(t, victim)
}

func TestHostKeyIsCheckedAgainstKnownHosts(t *testing.T) {
	s := start(t)
	key := s.key(t, "-t", "ed25519", "-N", "")
	file := func(name string, fill func(file string)) string {
		f := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(f, nil, 0o600))
		fill(f)
		return f
	}
	scanned := file("scanned", func(f string) {
		out, err := exec.Command("ssh-keyscan", "-p", s.port, "127.0.0.1").Output()
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(f, out, 0o600))
	})
	hashed := file("hashed", func(f string) {
		s.know(t, f, filepath.Join(hostKeys.dir, "ed25519"))
		tool(t, "ssh-keygen", "-q", "-H", "-f", f)
	})
	for name, c := range map[string]struct {
		cfg  fencing.SSH
		says string // empty: it is let in
	}{
		"nothing is known": {fencing.SSH{KnownHosts: []string{file("empty", func(string) {})}}, `host key of 127\.0\.0\.1:\d+, ssh-ed25519 SHA256:\S+, is not in .*ssh-keyscan -p ` + s.port},
		"the machine was set up anew": {
			fencing.SSH{KnownHosts: []string{file("other", func(f string) { s.know(t, f, key) })}},
			`but .*:1 says ssh-ed25519 SHA256:.*ssh-keygen -R`,
		},
		"only its RSA key is known":   {fencing.SSH{KnownHosts: []string{file("rsa", func(f string) { s.know(t, f, filepath.Join(hostKeys.dir, "rsa")) })}}, ""},
		"only its ECDSA key is known": {fencing.SSH{KnownHosts: []string{file("ecdsa", func(f string) { s.know(t, f, filepath.Join(hostKeys.dir, "ecdsa")) })}}, ""},
		"by ssh-keyscan":              {fencing.SSH{KnownHosts: []string{scanned}}, ""},
		"names hashed":                {fencing.SSH{KnownHosts: []string{hashed}}, ""},
		"any key, by configuration":   {fencing.SSH{AnyHostKey: true}, ""},
		"there is no such file":       {fencing.SSH{KnownHosts: []string{filepath.Join(t.TempDir(), "none")}}, `known hosts: .*no such file`},
	} {
		t.Run(name, func(t *testing.T) {
			victim, port := service(t)
			c.cfg.KeyFiles = []string{key}
			_, err := s.fence(t, c.cfg, port)
			if c.says == "" {
				require.NoError(t, err)
				requireKilled(t, victim)
				return
			}
			require.ErrorIs(t, err, fencing.ErrNotFenced)
			require.Regexp(t, c.says, err.Error())
			requireAlive(t, port)
		})
	}
}

func TestAgentHoldsTheKey(t *testing.T) {
	s := start(t)
	socket := filepath.Join(t.TempDir(), "agent")
	agent := exec.Command("ssh-agent", "-D", "-a", socket)
	require.NoError(t, agent.Start())
	t.Cleanup(func() { _ = agent.Process.Kill(); _ = agent.Wait() })
	require.Eventually(t, func() bool {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, eventually, tick)
	victim, port := service(t)
	_, err := s.fence(t, fencing.SSH{Agent: socket, KnownHosts: []string{s.knownHosts}}, port)
	require.ErrorContains(t, err, "there is no key to log in with")
	requireAlive(t, port)

	add := exec.Command("ssh-add", "-q", s.key(t, "-t", "ecdsa", "-N", ""))
	add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	out, err := add.CombinedOutput()
	require.NoError(t, err, string(out))
	_, err = s.fence(t, fencing.SSH{Agent: socket, KnownHosts: []string{s.knownHosts}}, port)
	require.NoError(t, err)
	requireKilled(t, victim)
}
