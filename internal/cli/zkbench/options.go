package zkbench

import (
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zktls"
)

// options are the settings of a load, as the flags give them.
type options struct {
	server      string
	connections int
	outstanding int
	rate        float64 // requests per second of an open loop; 0: closed loop
	mix         string
	size        int
	keys        int
	root        string
	duration    time.Duration
	count       int
	warmup      time.Duration
	timeout     time.Duration
	serverPIDs  []int
	json        bool
	keep        bool
	clientFile  string // properties for TLS

	trace   bool   // keep the span of each request
	preset  string // the command's name, for the report
	servers []string
	chroot  string
	ops     mix
	secure  zkclient.Secure // nil: plain connections
}

// validate derives servers and ops, and returns all problems at once.
func (o *options) validate() error {
	var errs []error
	var err error
	if o.servers, o.chroot, err = zkclient.SplitServers(o.server); err != nil {
		errs = append(errs, fmt.Errorf("--server: %w", err))
	}
	if o.ops, err = parseMix(o.mix); err != nil {
		errs = append(errs, fmt.Errorf("--mix: %w", err))
	}
	if err := zkclient.ValidatePath(o.root); err != nil || o.root == "/" {
		errs = append(errs, fmt.Errorf("--root %q: must be the path of a znode of its own, as in /zkbench", o.root))
	}
	positive := func(name string, v int) {
		if v < 1 {
			errs = append(errs, fmt.Errorf("--%s %d: must be at least 1", name, v))
		}
	}
	positive("connections", o.connections)
	positive("outstanding", o.outstanding)
	positive("keys", o.keys)
	if o.rate < 0 {
		errs = append(errs, fmt.Errorf("--rate %v: must not be negative (0: as fast as the replies come)", o.rate))
	}
	if o.size < 0 {
		errs = append(errs, fmt.Errorf("--size %d: must not be negative", o.size))
	}
	if o.count < 0 {
		errs = append(errs, fmt.Errorf("--count %d: must not be negative (0: run for --duration)", o.count))
	}
	if o.count == 0 && o.duration <= 0 {
		errs = append(errs, errors.New("--duration: must be positive, or set --count"))
	}
	if o.warmup < 0 {
		errs = append(errs, errors.New("--warmup: must not be negative"))
	}
	if o.timeout < time.Second {
		errs = append(errs, errors.New("--session-timeout: must be at least 1s"))
	}
	if o.clientFile != "" {
		if o.secure, err = secureBy(o.clientFile); err != nil {
			errs = append(errs, fmt.Errorf("--client-configuration %s: %w", o.clientFile, err))
		}
	}
	return errors.Join(errs...)
}

// secureBy is what makes connections secret by a file of properties as zkcli has it; nil if that does not ask for TLS.
func secureBy(file string) (zkclient.Secure, error) {
	var p zktls.Properties
	if err := p.Read(file); err != nil {
		return nil, err
	}
	d, err := p.Dialer(nil)
	if d == nil || err != nil {
		return nil, err
	}
	return d.Secure, nil
}
