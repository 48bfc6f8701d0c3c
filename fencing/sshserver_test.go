package fencing

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// sshServer is an ssh server in this process. Its shell is a function.
type sshServer struct {
	addr  string
	key   ssh.Signer
	users []string // who logged in
	mu    sync.Mutex
}

// shellFunc plays a shell: the command, the script on its standard input, its output, its exit status.
type shellFunc func(command, script string, stdout, stderr io.Writer) int

// oneRSAKey is made once, because that takes long.
var oneRSAKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newKey(t *testing.T, kind string) (any, ssh.Signer) {
	t.Helper()
	var key any
	var err error
	switch kind {
	case "rsa":
		key, err = oneRSAKey()
	case "ecdsa":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	}
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(key)
	require.NoError(t, err)
	return key, signer
}

// newSSHServer starts a server that lets in whoever has allowed, and shows all of hostKeys (an Ed25519 one if none is given).
func newSSHServer(t *testing.T, allowed ssh.PublicKey, sh shellFunc, hostKeys ...ssh.Signer) *sshServer {
	t.Helper()
	if len(hostKeys) == 0 {
		_, k := newKey(t, "ed25519")
		hostKeys = []ssh.Signer{k}
	}
	s := &sshServer{key: hostKeys[0]}
	cfg := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if allowed != nil && string(k.Marshal()) == string(allowed.Marshal()) {
			return &ssh.Permissions{}, nil
		}
		return nil, io.EOF
	}}
	for _, k := range hostKeys {
		cfg.AddHostKey(k)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.addr = ln.Addr().String()
	var wg sync.WaitGroup
	var conns sync.Map
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			conns.Store(c, nil)
			wg.Go(func() { defer c.Close(); s.serve(c, cfg, sh) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		conns.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
		wg.Wait()
	})
	return s
}

func (s *sshServer) serve(c net.Conn, cfg *ssh.ServerConfig, sh shellFunc) {
	sc, chans, reqs, err := ssh.NewServerConn(c, cfg)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.users = append(s.users, sc.User())
	s.mu.Unlock()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { ssh.DiscardRequests(reqs) })
	for nc := range chans {
		ch, rs, err := nc.Accept()
		if err != nil {
			return
		}
		wg.Go(func() {
			defer ch.Close()
			for r := range rs {
				var p struct{ Command string }
				if r.Type != "exec" || ssh.Unmarshal(r.Payload, &p) != nil {
					_ = r.Reply(false, nil)
					continue
				}
				_ = r.Reply(true, nil)
				script, _ := io.ReadAll(ch)
				code := sh(p.Command, string(script), ch, ch.Stderr())
				_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{uint32(code)}))
				return
			}
		})
	}
}

func (s *sshServer) port() string {
	_, p, _ := net.SplitHostPort(s.addr)
	return p
}

func (s *sshServer) logins() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.users...)
}

// knows writes a known_hosts file in which keys are known as those of addr.
func knows(t *testing.T, addr string, keys ...ssh.PublicKey) string {
	t.Helper()
	var lines strings.Builder
	for _, k := range keys {
		lines.WriteString(knownhosts.Line([]string{knownhosts.Normalize(addr)}, k) + "\n")
	}
	return writeFile(t, "known_hosts", lines.String())
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// keyFile writes a private key in OpenSSH's format, in PEM, in PKCS #8, or locked by a passphrase.
func keyFile(t *testing.T, key any, format string) string {
	t.Helper()
	var block *pem.Block
	var err error
	switch format {
	case "pem":
		switch k := key.(type) {
		case *rsa.PrivateKey:
			block = &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}
		case *ecdsa.PrivateKey:
			var der []byte
			der, err = x509.MarshalECPrivateKey(k)
			block = &pem.Block{Type: "EC PRIVATE KEY", Bytes: der}
		}
	case "pkcs8":
		var der []byte
		der, err = x509.MarshalPKCS8PrivateKey(key)
		block = &pem.Block{Type: "PRIVATE KEY", Bytes: der}
	case "locked":
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte("secret"))
	default:
		block, err = ssh.MarshalPrivateKey(key, "")
	}
	require.NoError(t, err)
	return writeFile(t, "id_"+format, string(pem.EncodeToMemory(block)))
}
