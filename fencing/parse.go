package fencing

import (
	"fmt"
	"regexp"
	"strconv"
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
func parse(s Spec, cfg Config) ([]method, error) {
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
		m, err := parseLine(line, timeout, cfg)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

func parseLine(line string, timeout time.Duration, cfg Config) (method, error) {
	m := notation.FindStringSubmatch(line)
	if m == nil {
		return nil, badNotation("Unable to parse line: '" + line + "'; write a method as name(argument), such as shell(/bin/true)")
	}
	name, arg := m[1], m[2]
	switch name {
	case "shell", classShell:
		return newShell(arg, timeout, cfg.Manual)
	case "sshfence", classSSH:
		return newSSHFence(arg, timeout, cfg.SSH)
	case "powershell", classPowerShell:
		return nil, fmt.Errorf("fencing method %s is not supported: it finds the process by its command line "+
			"on a Windows machine, and no controller of ours has been tried against one; use shell(powershell …) with a script that kills "+
			"what listens on $target_port", name)
	}
	return nil, badNotation("Could not find configured fencing method " + name + "; known: shell, sshfence; a class of your own cannot be loaded here, so call it by shell(…)")
}

// A command with a comma (HADOOP-18950, in 3.4) is two: for the node that becomes active in a failover by hand, and for
// the node to fence. In an automatic failover the original can never fence with it. Nor does this package: it says so
// when it is configured, because half of a command that was not meant as two could report a success that is none.
func newShell(arg string, timeout time.Duration, manual bool) (method, error) {
	if arg == "" {
		return nil, badNotation("No argument passed to 'shell' fencing method; write shell(command)")
	}
	s := shell{whole: arg, command: arg, limit: timeout}
	before, command, two := strings.Cut(arg, ",")
	if !two {
		return s, nil
	}
	if !manual {
		return nil, fmt.Errorf("the command of shell(%s) has a comma, at which the original splits it, and then cannot fence in an automatic "+
			"failover: put a command that needs a comma into a script", arg)
	}
	if strings.TrimSpace(before) == "" || strings.TrimSpace(command) == "" || strings.Contains(command, ",") {
		return nil, fmt.Errorf("the command of shell(%s) must have two parts at its comma: for the node that becomes active, and for the node "+
			"to fence; put a command that needs a comma into a script", arg)
	}
	s.before, s.command = before, command
	return s, nil
}

// userPort is the argument of sshfence.
var userPort = regexp.MustCompile(`^([^:]+)?(?::(\d+))?$`)

func newSSHFence(arg string, timeout time.Duration, cfg SSH) (method, error) {
	m := userPort.FindStringSubmatch(arg)
	if m == nil {
		return nil, badNotation("Unable to parse user and SSH port: " + arg + "; write sshfence, sshfence(user), sshfence(user:port) or sshfence(:port)")
	}
	s := sshFence{arg: arg, user: m[1], port: "22", limit: timeout, cfg: cfg}
	if m[2] != "" {
		if n, err := strconv.Atoi(m[2]); err != nil || n < 1 || n > 65535 {
			return nil, badNotation("Port number '" + m[2] + "' invalid; a port is between 1 and 65535")
		}
		s.port = m[2]
	}
	if s.cfg.ConnectTimeout == 0 {
		s.cfg.ConnectTimeout = DefaultConnectTimeout
	}
	if s.cfg.ConnectTimeout < 0 {
		return nil, fmt.Errorf("connect timeout %s of sshfence is below zero", s.cfg.ConnectTimeout)
	}
	return s, nil
}
