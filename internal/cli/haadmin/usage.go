package haadmin

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// The options of the commands.
const (
	forceFence  = "forcefence"
	forceActive = "forceactive"
	forceManual = "forcemanual" // not in the usage, as in the original
)

// command is one of haadmin's commands.
type command struct {
	name    string
	args    string // as the usage shows them
	help    string
	options []string
	run     func(*admin, line) (int, error) // nil: -help
}

// commands are all, in the order of the usage.
func commands() []command {
	return []command{
		{"-checkHealth", "<serviceId>", "Requests that the service perform a health check.\n" +
			"The HAAdmin tool will exit with a non-zero exit code\nif the check fails.", nil, (*admin).checkHealth},
		{
			"-failover", "[--forcefence] [--forceactive] <serviceId> <serviceId>", "Failover from the first service to the second.\n" +
				"Unconditionally fence services if the --forcefence option is used.\n" +
				"Try to failover to the target service even if it is not ready if the --forceactive option is used.",
			[]string{forceFence, forceActive, forceManual},
			(*admin).failover,
		},
		{"-getAllServiceState", "", "Returns the state of all the services", nil, (*admin).getAllServiceState},
		{"-getServiceState", "<serviceId>", "Returns the state of the service", nil, (*admin).getServiceState},
		{"-help", "<command>", "Displays help on the specified command", nil, nil},
		{
			"-transitionToActive", "[--forceactive] <serviceId>", "Transitions the service into Active state",
			[]string{forceActive, forceManual},
			(*admin).transitionToActive,
		},
		{
			"-transitionToObserver", "<serviceId>", "Transitions the service into Observer state",
			[]string{forceManual},
			(*admin).transitionToObserver,
		},
		{
			"-transitionToStandby", "<serviceId>", "Transitions the service into Standby state",
			[]string{forceManual},
			(*admin).transitionToStandby,
		},
	}
}

// changes tells whether c changes anything: those commands have options.
func (c command) changes() bool { return len(c.options) > 0 }

func find(name string) *command {
	for _, c := range commands() {
		if c.name == name {
			return &c
		}
	}
	return nil
}

const usageHead = "Usage: haadmin [-ns <nameserviceId>]"

// usage is the line for one command.
func (c command) usage() string { return usageHead + " [" + c.line() + "]" }

func (c command) line() string {
	if c.args == "" {
		return c.name
	}
	return c.name + " " + c.args
}

// fullUsage is the original's, less the generic options that have no meaning here (-jt, -files, …).
func fullUsage(w io.Writer) {
	_, _ = fmt.Fprintln(w, usageHead)
	for _, c := range commands() {
		_, _ = fmt.Fprintln(w, "    ["+c.line()+"]")
	}
	_, _ = fmt.Fprint(w, `
Generic options supported are:
-conf <configuration file>        specify an application configuration file
-D <property=value>               define a value for a given property
-fs <file:///|hdfs://namenode:port> specify default filesystem URL to use, overrides 'fs.defaultFS' property from configurations.

The general command line syntax is:
command [genericOptions] [commandOptions]

`)
}

// misused prints what is wrong and the usage.
func (a *admin) misused(text string) int {
	if text != "" {
		a.complain(text)
	}
	fullUsage(a.Err)
	return a.exit(exitUsage)
}

// wrongCount is the answer to a wrong number of arguments.
func (a *admin) wrongCount(name, text string) (int, error) {
	a.complain(name[1:] + ": " + text)
	a.complain(find(name).usage())
	return a.exit(exitUsage), nil
}

func (a *admin) help(args []string) int {
	switch len(args) {
	case 0:
		fullUsage(a.Out)
		return 0
	case 1:
	default:
		a.complain(find("-help").usage())
		return a.exit(exitUsage)
	}
	name := args[0]
	if !strings.HasPrefix(name, "-") {
		name = "-" + name
	}
	c := find(name)
	if c == nil {
		return a.misused(name + ": Unknown command")
	}
	text := c.name
	if c.args != "" {
		text += " [" + c.args + "]"
	}
	a.say(text + ": " + c.help)
	return 0
}

const manualWarning = "You have specified the --forcemanual flag. This flag is dangerous, as it can induce a split-brain scenario " +
	"that WILL CORRUPT your HDFS namespace, possibly irrecoverably.\n\n" +
	"It is recommended not to use this flag, but instead to shut down the cluster and disable automatic failover " +
	"if you prefer to manually manage your HA state.\n\n" +
	"You may abort safely by answering 'n' or hitting ^C now.\n\n" +
	"Are you sure you want to continue?"

// confirm asks until the answer is yes or no. The end of standard input is no; the original asks for ever.
func (a *admin) confirm() bool {
	in := bufio.NewReader(a.In)
	for {
		_, _ = fmt.Fprint(a.Err, manualWarning+" (Y or N) ")
		text, err := in.ReadString('\n')
		answer := strings.TrimRight(text, "\r\n")
		switch strings.ToLower(answer) {
		case "y", "yes":
			return true
		case "n", "no":
			return false
		}
		if err != nil {
			a.complain("\nThe end of standard input is taken as no: answer Y, for example by a pipe from \"echo y\".")
			return false
		}
		a.complain("Invalid input: " + answer)
	}
}
