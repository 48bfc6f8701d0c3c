// Package fencing makes sure that a node which can no longer be asked to step down does no more harm, by running the
// configured methods in order until one succeeds.
//
//	shell(/usr/local/bin/power-off $target_host)      one method per line, # begins a comment
//	sshfence(user:22)                                 known, but refused: it comes with the Hadoop release
//
// Every attempt is bounded in time and recorded: what was run, for how long, how it ended, the end of its output.
package fencing

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/failover/target"
)

// ErrNotFenced is wrapped by the error of Fence when no method succeeded. The node may still be alive and active.
var ErrNotFenced = errors.New("unable to fence service by any configured method")

// Request says which node to fence, and on what occasion.
type Request struct {
	// Node is the node that must stop. Its details reach a script as target_host, target_port, target_address,
	// target_nameserviceid and target_namenodeid.
	Node target.Identity
	// Manual marks a failover by hand: the same details are also given as source_*, as the original names them there.
	Manual bool
}

// Attempt is what happened when one method was tried.
type Attempt struct {
	Method   string        `json:"method"` // as configured: shell(/bin/true)
	Started  time.Time     `json:"started"`
	Duration time.Duration `json:"duration_ns"`
	Success  bool          `json:"success"`
	// ExitStatus is the command's; -1 when it could not be started or was killed.
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
}

// Fencer runs the methods. It is safe for use from several goroutines.
type Fencer struct{}

// New checks all methods and returns every problem at once.
func New(cfg Config, log *zap.Logger) (*Fencer, error) { return nil, errors.New("not built yet") }

// Fence tries the methods in order until one succeeds; then the error is nil. The record is complete in either case.
func (f *Fencer) Fence(ctx context.Context, node target.Identity) (Record, error) {
	return f.Do(ctx, Request{Node: node})
}

// Do is Fence with the occasion.
func (f *Fencer) Do(ctx context.Context, r Request) (Record, error) {
	return Record{}, errors.New("not built yet")
}
