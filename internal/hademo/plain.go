package hademo

import (
	"fmt"
	"io"
	"time"
)

// Plain is the view for a pipe or a file: plain lines, one after the other.
type Plain struct {
	Out io.Writer
}

// Starting implements View.
func (v Plain) Starting(dir string) {
	fmt.Fprintf(v.Out, "starting three zkservers, two NameNodes and their failover controllers in %s\n", dir)
}

// Watch implements View.
func (v Plain) Watch(func() Live) {
	fmt.Fprintln(v.Out, "all up: one NameNode is active, a client writes through it without pause")
}

// Begin implements View.
func (v Plain) Begin(name, title string, round, rounds int) {
	fmt.Fprintf(v.Out, "\n%s: %s", name, title)
	if rounds > 1 {
		fmt.Fprintf(v.Out, " (round %d of %d)", round, rounds)
	}
	fmt.Fprintln(v.Out)
}

// Step implements View.
func (v Plain) Step(at time.Duration, node, what string) {
	fmt.Fprintf(v.Out, "  %+9.1f ms  %s  %s\n", float64(at)/1e6, node, what)
}

// End implements View.
func (v Plain) End(r Result) { fmt.Fprintf(v.Out, "  => %s\n", verdict(r)) }

// Keeping tells how to play with what is left running.
func (v Plain) Keeping(hint string) { fmt.Fprintf(v.Out, "\n%s\n", hint) }

// Close implements View.
func (v Plain) Close() {}

// verdict is one round in one sentence.
func verdict(r Result) string {
	s := fmt.Sprintf("%s stays active", r.From)
	if r.From != r.To {
		s = fmt.Sprintf("%s took over from %s in %s ms", r.To, r.From, ms(r.Total))
	}
	if r.From == r.To {
		s += fmt.Sprintf("; ZooKeeper was away for %s ms", ms(r.ZKGap))
	}
	return fmt.Sprintf("%s; the client waited %s ms at most; %s writes acknowledged, %s lost", s, ms(r.Gap),
		thousands(r.Acked), thousands(r.Lost))
}

// Silent is the view that shows nothing: for --json and for tests. Done, when set, gets each result.
type Silent struct {
	Done func(Result)
}

// Starting implements View.
func (Silent) Starting(string) {}

// Watch implements View.
func (Silent) Watch(func() Live) {}

// Begin implements View.
func (Silent) Begin(string, string, int, int) {}

// Step implements View.
func (Silent) Step(time.Duration, string, string) {}

// End implements View.
func (v Silent) End(r Result) {
	if v.Done != nil {
		v.Done(r)
	}
}

// Close implements View.
func (Silent) Close() {}
