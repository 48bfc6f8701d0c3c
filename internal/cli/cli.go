// Package cli is what the commands of Holdfast share: each command is a function of its arguments and streams, so that
// cmd/NAME/main.go is one line, tests run commands in process, and hademo can run any of them from its own executable.
package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Streams are the standard streams of a command.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// Main is a command: args without the program's name; the result is the exit code. The context ends on the first
// interrupt or termination signal; the command then stops in an orderly way.
type Main func(ctx context.Context, args []string, s Streams) int

// Run is the body of every main function: it runs m with the process's arguments, streams and signals, and exits.
func Run(m Main) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := m(ctx, os.Args[1:], Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
