//go:build compat

package compat

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The membership is changed, and its change refused, with the command line clients of both makes under leaders of both
// makes; all four say the same. Then each server is replaced by one of the other make, which finds the dynamic
// configuration that its predecessor has written.
func TestReconfigByCommandLineInMixedEnsemble(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, "reconfigEnabled=true\nskipACL=yes", java39, golang, java39)
	e.start()
	w := e.write("w")
	stranger := fmt.Sprintf("server.9=127.0.0.1:%d:%d:observer;127.0.0.1:%d", freePort(t), freePort(t), freePort(t))
	voter := strings.Replace(stranger, ":observer", ":participant", 1)
	members := filepath.Join(t.TempDir(), "members")
	first := e.member(1) // it does not lead here: who gives up the leadership ends its clients' connections
	as := func(role string) string { return strings.Replace(first.line(true), ":participant;", ":"+role+";", 1) }
	var list []string
	for _, m := range e.members {
		list = append(list, m.line(true))
	}
	require.NoError(t, os.WriteFile(members, []byte(strings.Join(list, "\n")+"\n"), 0o644))
	script := []string{
		"config", "config -c",
		"reconfig -add " + stranger, "config -c",
		"reconfig -add " + stranger,
		"reconfig -remove 9", "reconfig -remove 9", "reconfig -remove 77", "config -c",
		"reconfig -add " + as("observer"), "reconfig -add " + as("participant"),
		"reconfig -members " + strings.Join(append(list, stranger), ","),
		"reconfig -file " + members,
		"reconfig -v 1 -remove 9", "reconfig -remove 1,2,3", "reconfig -remove 1,2", "reconfig -add server.9=nonsense", "reconfig -add nonsense",
		"reconfig -members " + first.line(true) + "," + voter + "," + strings.Replace(voter, "server.9=", "server.8=", 1),
		"config -c", "quit",
	}
	numbers := regexp.MustCompile(`version=[0-9a-f]+|127\.0\.0\.1:\d+:\d+|(?m)^0?[0-9a-f]{6,} `)
	var want string
	for _, leads := range []*serverMake{golang, java39} {
		if e.lead(leads) == first {
			e.level()
			first.kill()
			e.settle()
			first.start()
			e.lead(leads)
		}
		for _, ours := range []bool{false, true} {
			at := e.leader()
			code, stdout, stderr := converse(t, script, cliClient(t, ours, "-server", at.addr()))
			got := numbers.ReplaceAllString(fmt.Sprintf("exit code %d\n%s", code, cliTranscript(stdout, stderr)), "N")
			if want == "" {
				want = got
				t.Log(want)
			}
			require.Equal(t, want, got, "our client: %v, at %s", ours, at)
			e.knows("1=participant", "2=participant", "3=participant")
			w.goesOn(20)
		}
	}
	for _, m := range e.members {
		to := golang
		if !m.make.java {
			to = java39
		}
		e.swap(m, to)
		w.goesOn(20)
		e.knows("1=participant", "2=participant", "3=participant")
	}
	second := e.member(2)
	second.observer = true
	e.reconfig(second.line(true), "", "1=participant", "2=observer", "3=participant")
	w.goesOn(20)
	w.end()
	w.check(e.same())
}
