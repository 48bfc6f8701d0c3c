// Package fencing makes sure that a node which can no longer be asked to step down does no more harm, by running the
// configured methods in order until one succeeds.
//
//	shell(/usr/local/bin/power-off $target_host)      one method per line, # begins a comment
//	sshfence(user:22)                                 logs in and kills what listens on the service's port
//
// Every attempt is bounded in time and recorded: what was run, for how long, how it ended, the end of its output.
package fencing

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/failover/target"
)

// ErrNotFenced is wrapped by the error of Fence when no method succeeded. The node may still be alive and active.
var ErrNotFenced = errors.New("unable to fence service by any configured method")

// ErrNotConfigured is the error of New when there is no method at all.
var ErrNotConfigured = errors.New("no fencing method is configured; name at least one, such as shell(/usr/local/bin/fence.sh), " +
	"or shell(/bin/true) if the service itself refuses two writers")

// Request says which node to fence, and on what occasion.
type Request struct {
	// Node is the node that must stop. Its details reach a script as target_host, target_port, target_address,
	// target_nameserviceid and target_namenodeid.
	Node target.Identity
	// Manual marks a failover by hand: the same details are also given as source_*, as the original names them there.
	Manual bool
	// To is the node that becomes active instead, in a failover by hand. It is never fenced: only the first part of a
	// shell command in two parts, which is meant for it, learns of it. Optional.
	To *target.Identity
	// Both runs a shell command in one part for To as well, and first, as the original does: with a command that kills,
	// both nodes die. sshfence never does anything to To.
	Both bool
}

// Attempt is what happened when one method was tried.
type Attempt struct {
	Method   string        `json:"method"` // as configured: shell(/bin/true)
	Started  time.Time     `json:"started"`
	Duration time.Duration `json:"duration_ns"`
	Success  bool          `json:"success"`
	// ExitStatus is the command's; -1 when it could not be started or was killed. sshfence has 0 or -1.
	ExitStatus int    `json:"exit_status"`
	Error      string `json:"error,omitempty"`  // why it failed
	Output     string `json:"output,omitempty"` // the end of standard output and error, at most 4 KiB
}

// Record is the whole of one fencing, for the failover history.
type Record struct {
	Node     target.Identity `json:"node"`
	Fenced   bool            `json:"fenced"`
	Method   string          `json:"method,omitempty"` // the one that succeeded
	Duration time.Duration   `json:"duration_ns"`
	Attempts []Attempt       `json:"attempts"`
}

// Spec is one method as configured.
type Spec struct {
	Method  string        // original's notation: shell(command)
	Timeout time.Duration // default 30s when 0
}

// Config is what a Fencer needs.
type Config struct {
	Methods  []Spec            // in order; at least one
	Deadline time.Duration     // for all methods together; default 60s when 0
	Env      map[string]string // names added to the environment of scripts; dots become underscores
	// Secret names variables of this process that scripts do not get.
	Secret []string
	// Manual tells that the fencer serves failovers by hand only. Then a shell command may have two parts with a comma
	// between them, as in the original: for the node that becomes active, and for the node to fence. Else it is refused.
	Manual bool
	// SSH is how sshfence logs in.
	SSH SSH
}

// SSH is how sshfence logs in. The zero value is usable with an agent.
type SSH struct {
	// KeyFiles are private keys without a passphrase (dfs.ha.fencing.ssh.private-key-files): RSA, ECDSA and Ed25519, in
	// OpenSSH's format, PEM or PKCS #8. "~/" is the home directory. They are read anew for each fencing.
	KeyFiles []string
	// ConnectTimeout bounds connecting and logging in (dfs.ha.fencing.ssh.connect-timeout). Default 30s when 0. The
	// method's own timeout holds besides.
	ConnectTimeout time.Duration
	// KnownHosts are files in the format of OpenSSH's known_hosts. Empty means ~/.ssh/known_hosts and
	// /etc/ssh/ssh_known_hosts, as far as they exist.
	KnownHosts []string
	// AnyHostKey accepts every host key, as the original does: whoever answers at the address of the old active can then
	// pretend that it is dead. Default false.
	AnyHostKey bool
	// Agent is the socket of an ssh agent, asked after the key files. Empty means $SSH_AUTH_SOCK.
	Agent string
}

// Defaults of Config and Spec.
const (
	DefaultTimeout        = 30 * time.Second
	DefaultDeadline       = 60 * time.Second
	DefaultConnectTimeout = 30 * time.Second
)

// Fencer runs the methods. It is safe for use from several goroutines.
type Fencer struct {
	methods  []method
	deadline time.Duration
	env      map[string]string
	secret   []string
	log      *zap.Logger
	lookup   func(ctx context.Context, host string) ([]string, error)
}

// method is one way to stop a node. name is the original's, for the log.
type method interface {
	name() string
	spec() string
	timeout() time.Duration
	try(ctx context.Context, o occasion, log *zap.Logger) Attempt
}

// New checks all methods and returns every problem at once. log may be nil.
func New(cfg Config, log *zap.Logger) (*Fencer, error) {
	f := &Fencer{deadline: cfg.Deadline, env: cfg.Env, secret: cfg.Secret, log: log, lookup: net.DefaultResolver.LookupHost}
	if log == nil {
		f.log = zap.NewNop()
	}
	if f.deadline == 0 {
		f.deadline = DefaultDeadline
	}
	var problems []error
	for _, s := range cfg.Methods {
		ms, err := parse(s, cfg)
		if err != nil {
			problems = append(problems, err)
		}
		f.methods = append(f.methods, ms...)
	}
	if len(problems) == 0 && len(f.methods) == 0 {
		problems = append(problems, ErrNotConfigured)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return f, nil
}

// Warnings are reasons for which a method that was understood would fail today, such as a key that cannot be read: to be
// told when the program starts, and not only when somebody has to be fenced.
func (f *Fencer) Warnings() []string {
	var out []string
	for _, m := range f.methods {
		if w, ok := m.(interface{ warnings() []string }); ok {
			for _, text := range w.warnings() {
				if text = m.spec() + ": " + text; !slices.Contains(out, text) {
					out = append(out, text)
				}
			}
		}
	}
	return out
}

// Methods lists the methods as configured, in order.
func (f *Fencer) Methods() []string {
	out := make([]string, len(f.methods))
	for i, m := range f.methods {
		out[i] = m.spec()
	}
	return out
}

// Fence tries the methods in order until one succeeds; then the error is nil. The record is complete in either case.
// When ctx ends, the running method is killed and no other is tried.
func (f *Fencer) Fence(ctx context.Context, node target.Identity) (Record, error) {
	return f.Do(ctx, Request{Node: node})
}

// Do is Fence with the occasion.
func (f *Fencer) Do(ctx context.Context, r Request) (Record, error) {
	start := time.Now()
	log := f.log.Named("NodeFencer")
	rec := Record{Node: r.Node, Attempts: make([]Attempt, 0, len(f.methods))}
	ctx, cancel := context.WithTimeoutCause(ctx, f.deadline, fmt.Errorf("the deadline of %s for all methods is over", f.deadline))
	defer cancel()

	log.Info("====== Beginning Service Fencing Process... ======")
	o := f.occasion(ctx, r)
	for i, m := range f.methods {
		log.Info(fmt.Sprintf("Trying method %d/%d: %s", i+1, len(f.methods), m.name()))
		a := f.attempt(ctx, m, o)
		rec.Attempts = append(rec.Attempts, a)
		if a.Success {
			log.Info("====== Fencing successful by method " + m.name() + " ======")
			rec.Fenced, rec.Method, rec.Duration = true, a.Method, time.Since(start)
			return rec, nil
		}
		log.Warn("Fencing method "+m.name()+" was unsuccessful.", zap.String("reason", a.Error))
	}
	log.Error("Unable to fence service by any configured method.")
	rec.Duration = time.Since(start)
	return rec, fmt.Errorf("%w: %s", ErrNotFenced, rec.reasons())
}

func (f *Fencer) attempt(ctx context.Context, m method, o occasion) Attempt {
	if ctx.Err() != nil {
		return Attempt{Method: m.spec(), Started: time.Now(), ExitStatus: -1, Error: "not tried: " + context.Cause(ctx).Error()}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, m.timeout(), fmt.Errorf("no end within %s", m.timeout()))
	defer cancel()
	start := time.Now()
	a := m.try(ctx, o, f.log)
	a.Method, a.Started, a.Duration = m.spec(), start, time.Since(start)
	return a
}

// reasons are all failures in one line.
func (r Record) reasons() string {
	out := make([]string, len(r.Attempts))
	for i, a := range r.Attempts {
		out[i] = a.Method + ": " + a.Error
	}
	return strings.Join(out, "; ")
}
