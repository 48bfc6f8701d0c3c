package fencing

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// The notation of dfs.ha.fencing.methods: a name, alone or with an argument in parentheses, which may hold parentheses.
var notation = regexp.MustCompile(`^([a-zA-Z0-9.$]+)(?:\((.+)\))?$`)

// The names of the methods that the original brings along.
const (
	classShell      = "org.apache.hadoop.ha.ShellCommandFencer"
	classSSH        = "org.apache.hadoop.ha.SshFenceByTcpPort"
	classPowerShell = "org.apache.hadoop.ha.PowerShellFencer"
)

// badNotation is a complaint in the original's words.
type badNotation string

func (b badNotation) Error() string { return string(b) }

// parse reads one or several lines of the original's notation. Everything from # on is a comment, also within a command.
func parse(s Spec) ([]method, error) {
	timeout := s.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	if timeout < 0 {
		return nil, fmt.Errorf("timeout %s of %s is below zero", timeout, s.Method)
	}
	var out []method
	for line := range strings.Lines(s.Method) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		m, err := parseLine(line, timeout)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

func parseLine(line string, timeout time.Duration) (method, error) {
	m := notation.FindStringSubmatch(line)
	if m == nil {
		return nil, badNotation("Unable to parse line: '" + line + "'; write a method as name(argument), such as shell(/bin/true)")
	}
	name, arg := m[1], m[2]
	switch name {
	case "shell", classShell:
		return newShell(arg, timeout)
	case "sshfence", classSSH:
		return nil, fmt.Errorf("fencing method %s is not built in yet, it comes with the Hadoop release; use shell(ssh …) until then", name)
	case "powershell", classPowerShell:
		return nil, fmt.Errorf("fencing method %s is not supported; use shell(powershell …)", name)
	}
	return nil, badNotation("Could not find configured fencing method " + name + "; known: shell")
}

func newShell(arg string, timeout time.Duration) (method, error) {
	if arg == "" {
		return nil, badNotation("No argument passed to 'shell' fencing method; write shell(command)")
	}
	// The original (HADOOP-18950 and later) splits here: one part for the node that becomes active, one for the node to
	// fence. A whole command run where half of it was meant could report a success that is none.
	if strings.Contains(arg, ",") {
		return nil, fmt.Errorf("the command of shell(%s) has a comma, at which the original splits it: "+
			"only the node to fence is ever fenced here, so write the command for that one, and put a command that needs a comma into a script", arg)
	}
	return shell{command: arg, limit: timeout}, nil
}
