package fencing

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// keys are the keys to log in with: those of the files, then the agent's. problems are the reasons why some are missing;
// they matter only when the rest does not open the door. close ends the connection to the agent.
func (c SSH) keys(ctx context.Context) (keys []ssh.Signer, problems []error, closeAgent func()) {
	for _, file := range c.KeyFiles {
		key, err := readKey(file)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		keys = append(keys, key)
	}
	closeAgent = func() {}
	socket := c.agentSocket()
	if socket == "" {
		return keys, problems, closeAgent
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return keys, append(problems, fmt.Errorf("no connection to the ssh agent: %w; is it running, and SSH_AUTH_SOCK right?", err)), closeAgent
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	closeAgent = func() { stop(); conn.Close() }
	more, err := agent.NewClient(conn).Signers()
	if err != nil {
		problems = append(problems, fmt.Errorf("the ssh agent at %s does not tell its keys: %w", socket, err))
	}
	return append(keys, more...), problems, closeAgent
}

// offers are the keys in the order in which a machine is shown them. RSA keys sign with SHA-512 at first; sshd lists all that
// it knows about, not only what its PubkeyAcceptedAlgorithms allow, so that SHA-256 is a second try. It comes last: a refused
// key is one of the few tries that sshd grants (MaxAuthTries).
func offers(keys []ssh.Signer) []ssh.Signer {
	var first, again []ssh.Signer
	for _, key := range keys {
		signer, ok := key.(ssh.AlgorithmSigner)
		strong, err := restrict(signer, ok, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA)
		if err != nil {
			first = append(first, key) // not RSA
			continue
		}
		first = append(first, strong)
		if weaker, err := restrict(signer, ok, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA); err == nil {
			again = append(again, weaker)
		}
	}
	return append(first, again...)
}

// restrict is signer with these algorithms only, the preferred one first. SHA-1 must be among them for servers that do not
// say what they know: they know nothing else.
func restrict(signer ssh.AlgorithmSigner, ok bool, algorithms ...string) (ssh.Signer, error) {
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return ssh.NewSignerWithAlgorithms(signer, algorithms)
}

func (c SSH) agentSocket() string {
	if c.Agent != "" {
		return c.Agent
	}
	return os.Getenv("SSH_AUTH_SOCK")
}

// readKey reads a private key. The original's library reads PEM only, and signs with SHA-1 if the key is RSA.
func readKey(file string) (ssh.Signer, error) {
	text, err := os.ReadFile(atHome(file))
	if err != nil {
		return nil, fmt.Errorf("key file of dfs.ha.fencing.ssh.private-key-files: %w", err)
	}
	key, err := ssh.ParsePrivateKey(text)
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return nil, fmt.Errorf("key file %s is protected by a passphrase, and nobody is there to type it: name a key without one "+
			"(ssh-keygen -p removes it from a copy), or load it into an agent and set SSH_AUTH_SOCK", file)
	case err != nil && strings.HasPrefix(string(text), "PuTTY-"):
		return nil, fmt.Errorf("key file %s is in PuTTY's format; convert it by puttygen -O private-openssh", file)
	case err != nil && strings.HasPrefix(string(text), "ssh-"), err != nil && strings.HasPrefix(string(text), "ecdsa-"):
		return nil, fmt.Errorf("key file %s is the public half; name the file without .pub", file)
	case err != nil:
		return nil, fmt.Errorf("key file %s cannot be read as a private key: %w", file, err)
	}
	return key, nil
}

// atHome replaces the ~ of a path.
func atHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}
