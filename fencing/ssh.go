package fencing

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/crypto/ssh"
)

// maxReply bounds what is kept of the answer of the other machine.
const maxReply = 1 << 20

// sshFence logs in on the machine of the node and kills what listens on the service's port (SshFenceByTcpPort).
type sshFence struct {
	arg   string // as configured, without parentheses
	user  string // empty: the user of this process
	port  string
	limit time.Duration
	cfg   SSH
}

func (s sshFence) name() string {
	if s.arg == "" {
		return classSSH + "(null)" // as Java prints it; operators search for it
	}
	return classSSH + "(" + s.arg + ")"
}

func (s sshFence) spec() string {
	if s.arg == "" {
		return "sshfence"
	}
	return "sshfence(" + s.arg + ")"
}

func (s sshFence) timeout() time.Duration { return s.limit }

// warnings are reasons for which a login would fail today.
func (s sshFence) warnings() []string {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	keys, problems, done := s.cfg.keys(ctx)
	done()
	var out []string
	for _, p := range problems {
		out = append(out, p.Error())
	}
	if len(keys) == 0 {
		out = append(out, noKey)
	}
	if !s.cfg.AnyHostKey {
		switch files, err := s.cfg.knownHosts(); {
		case err != nil:
			out = append(out, err.Error())
		case len(files) == 0:
			out = append(out, "there is no known_hosts file, so no host key will be accepted: add the machines of the other nodes by ssh-keyscan; "+relax)
		}
	}
	return out
}

const noKey = "there is no key to log in with: name one in dfs.ha.fencing.ssh.private-key-files (fencing.ssh.keyFiles), or run an ssh agent"

// try succeeds only if it was seen on the machine that nothing listens on the port any more. A machine that cannot be
// reached, or answers what is not understood, is a failure: nobody knows then whether the service is dead.
func (s sshFence) try(ctx context.Context, o occasion, log *zap.Logger) Attempt {
	log = log.Named("SshFenceByTcpPort")
	out := newOutput("sshfence", log)
	err := s.fence(ctx, o, out, log)
	out.flush()
	a := Attempt{Success: err == nil, Output: out.tail()}
	if err != nil {
		a.ExitStatus, a.Error = -1, err.Error()
		if ctx.Err() != nil {
			a.Error = "given up: " + context.Cause(ctx).Error() + ": " + a.Error
		}
	}
	return a
}

func (s sshFence) fence(ctx context.Context, o occasion, out *output, log *zap.Logger) error {
	c, err := s.connect(ctx, o.Node.Host, log)
	if err != nil {
		return err
	}
	defer c.close()
	k := killer{host: o.Node.Host, port: o.Node.Port, wait: lookTime, run: func(ctx context.Context, script string) (string, error) { return c.run(ctx, script, out) }, log: log}
	if err := k.kill(ctx); err != nil {
		return err
	}
	return stillAccepts(ctx, o.Node.Addr())
}

// stillAccepts is the second opinion: the port as it is seen from here. It catches what the other machine cannot tell,
// such as a service in a container that has a network of its own. No answer, or a refusal, says nothing either way.
func stillAccepts(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil //nolint:nilerr // nobody accepts connections, as far as can be seen from here
	}
	conn.Close()
	return fmt.Errorf("on the machine nothing listens on the port any more, but %s still accepts connections: "+
		"has a supervisor started the service again, is it in a container or behind a proxy? use shell(…) with a command that stops it there", addr)
}

// conn is a login on the machine.
type conn struct {
	client *ssh.Client
	done   func()
}

func (c *conn) close() {
	c.done()
	c.client.Close()
}

func (s sshFence) connect(ctx context.Context, host string, log *zap.Logger) (*conn, error) {
	login, err := s.login()
	if err != nil {
		return nil, err
	}
	addr := net.JoinHostPort(host, s.port)
	check, kinds, err := s.cfg.hostKey(addr, log)
	if err != nil {
		return nil, err
	}
	dialing, cancel := context.WithTimeoutCause(ctx, s.cfg.ConnectTimeout, fmt.Errorf("no login within %s (dfs.ha.fencing.ssh.connect-timeout)", s.cfg.ConnectTimeout))
	defer cancel()
	keys, problems, done := s.cfg.keys(dialing)
	defer done()
	for _, p := range problems {
		log.Warn("A key is missing", zap.Error(p))
	}
	if len(keys) == 0 {
		return nil, errors.Join(append(problems, errors.New(noKey))...)
	}

	log.Info("Connecting to " + host + "...")
	tcp, err := (&net.Dialer{}).DialContext(dialing, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("Unable to connect to %s as user %s: %w; whether the service is dead is not known", //nolint:revive,staticcheck // the original's words
			host, login, because(dialing, err))
	}
	// Closing is what ends a handshake, and later a command, at once. It comes with the caller's end, not with dialing's.
	stop := context.AfterFunc(ctx, func() { tcp.Close() })
	stopDialing := context.AfterFunc(dialing, func() { tcp.Close() })
	var refused error
	cc, chans, reqs, err := ssh.NewClientConn(tcp, addr, &ssh.ClientConfig{
		User: login, Auth: []ssh.AuthMethod{ssh.PublicKeys(offers(keys)...)}, HostKeyAlgorithms: kinds,
		HostKeyCallback: func(name string, remote net.Addr, key ssh.PublicKey) error {
			refused = check(name, remote, key)
			return refused
		},
	})
	if !stopDialing() && err == nil { // the time was over just then, and the connection is closed
		cc.Close()
		err = context.Cause(dialing)
	}
	if err != nil {
		stop()
		tcp.Close()
		err = because(dialing, err)
		switch {
		case refused != nil:
			err = refused
		case strings.Contains(err.Error(), "unable to authenticate"):
			err = fmt.Errorf("%w; none of the %d keys is accepted: add the public half to authorized_keys of %s there", err, len(keys), login)
		case strings.Contains(err.Error(), "no common algorithm for host key"):
			err = fmt.Errorf("%w; the machine has none of the kinds of key that are known of it: add its present key by ssh-keyscan", err)
		}
		return nil, fmt.Errorf("Unable to connect to %s as user %s: %w", host, login, err) //nolint:revive,staticcheck // the original's words
	}
	log.Info("Connected to " + host)
	return &conn{client: ssh.NewClient(cc, chans, reqs), done: func() { stop() }}, nil
}

// login is the user to log in as: by default the one of this process, as the original takes Java's user.name.
func (s sshFence) login() (string, error) {
	if s.user != "" {
		return s.user, nil
	}
	u, err := user.Current()
	if err == nil {
		_, name, ok := strings.Cut(u.Username, `\`) // Windows: DOMAIN\user
		if !ok {
			name = u.Username
		}
		return name, nil
	}
	if name := os.Getenv("USER"); name != "" {
		return name, nil
	}
	return "", fmt.Errorf("the user to log in as is not known: %w; write sshfence(user)", err)
}

// because is err, or why ctx ended if that is what caused it.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// run has a POSIX shell run a script, and returns what it wrote. The script comes by standard input: then the login shell
// of the user, which may be any, has nothing to misunderstand. Standard error goes to the log.
func (c *conn) run(ctx context.Context, script string, out *output) (string, error) {
	session, err := c.client.NewSession()
	if err != nil {
		return "", because(ctx, err)
	}
	defer session.Close()
	var reply bounded
	session.Stdin = strings.NewReader(script)
	session.Stdout, session.Stderr = &reply, out.stream(out.log.Warn)
	if err := session.Run("sh"); err != nil {
		return "", fmt.Errorf("the shell on the machine: %w", because(ctx, err))
	}
	if reply.cut {
		return "", fmt.Errorf("the answer of the machine is longer than %d bytes", maxReply)
	}
	text := reply.b.String()
	if !strings.HasSuffix(text, endOfReply+"\n") {
		return "", errors.New("the answer of the machine is not what was asked for: is its account allowed one command only?")
	}
	return text, nil
}

// bounded keeps what is written, up to maxReply.
type bounded struct {
	mu  sync.Mutex
	b   strings.Builder
	cut bool
}

func (b *bounded) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if room := maxReply - b.b.Len(); len(p) > room {
		b.cut = true
		b.b.Write(p[:room])
		return len(p), nil
	}
	return b.b.Write(p)
}
