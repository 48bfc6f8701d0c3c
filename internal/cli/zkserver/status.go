package zkserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// addStatus adds the command status.
func addStatus(root *cobra.Command, d *daemon) {
	var all bool
	cmd := &cobra.Command{
		Use:   "status [ZOO.CFG]",
		Short: "Ask the server for its mode, or all servers of its ensemble",
		Long: `status asks the server on the configured client port for its mode, as zkServer.sh does. Exit codes: 0 it serves, 1 it does
not, or nothing answers.

With --all it asks every server of the configuration on the client port of its line, and tells which have a quorum together. A
line without a client port: if the server has its host for itself, this server's port is tried; else it is not asked. Exit
codes: 0 a leader serves, 1 none was found.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all {
				return d.statusOfAll(cmd.Context(), args)
			}
			return d.status(cmd.Context(), args)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "ask all servers of the ensemble")
	root.AddCommand(cmd)
}

// status asks the server on the configured port.
func (d *daemon) status(ctx context.Context, args []string) error {
	cfg, err := d.configured(args)
	if cfg.ClientPort < 0 {
		return d.secureStatus(ctx, &cfg)
	}
	if cfg.ClientPort == 0 {
		fmt.Fprintln(d.s.Out, "Unable to find either secure or unsecure client port in any configs. Terminating.")
		return &exitError{exitFailed, err}
	}
	host := clientHost(&cfg)
	fmt.Fprintf(d.s.Out, "Client port found: %d. Client address: %s. Client SSL: false.\n", cfg.ClientPort, host)
	text, err := word(ctx, net.JoinHostPort(host, strconv.Itoa(cfg.ClientPort)), "srvr")
	return d.tell(text, err)
}

// secureStatus asks a server that serves nobody without TLS. It shows the server's own certificate, and takes whatever it is shown:
// that the answer comes from this machine is not in doubt, and that it need not have a certificate for "localhost" neither.
func (d *daemon) secureStatus(ctx context.Context, cfg *config.Config) error {
	host := hostOr(cfg.SecureClientPortAddress)
	fmt.Fprintf(d.s.Out, "Client port found: %d. Client address: %s. Client SSL: true.\n", cfg.SecureClientPort, host)
	source, err := tlsconf.Load(cfg.ClientTLSSettings())
	if err != nil {
		return &exitError{exitFailed, err}
	}
	settings := source.Client(host)
	settings.VerifyConnection = nil
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: patience}, Config: settings}
	text, err := wordBy(ctx, dialer.DialContext, net.JoinHostPort(host, strconv.Itoa(cfg.SecureClientPort)), "srvr")
	return d.tell(text, err)
}

// tell prints what a server has answered to srvr.
func (d *daemon) tell(text string, err error) error {
	if m := modeLine.FindString(text); m != "" {
		return d.say(exitOK, "%s", m)
	}
	switch {
	case strings.HasPrefix(text, notServing):
		fmt.Fprintf(d.s.Err, "zkserver: it runs, but serves nobody: it is starting, or has no leader; zkserver status --all asks the other servers\n")
	case err != nil:
		fmt.Fprintf(d.s.Err, "zkserver: %v\n", err)
	}
	return d.say(exitFailed, "Error contacting service. It is probably not running.")
}

// notServing begins what a server without a leader answers.
const notServing = "This ZooKeeper instance is not currently serving requests"

var (
	modeLine = regexp.MustCompile(`(?m)^Mode: \S+`)
	zxidLine = regexp.MustCompile(`(?m)^Zxid: (\S+)`)
	connLine = regexp.MustCompile(`(?m)^Connections: (\d+)`)
)

// clientHost is where the server's client port is reached from this machine.
func clientHost(cfg *config.Config) string { return hostOr(cfg.ClientPortAddress) }

// hostOr is where an address that is listened on is reached from this machine.
func hostOr(address string) string {
	if ip := net.ParseIP(address); address == "" || ip != nil && ip.IsUnspecified() {
		return "localhost"
	}
	return address
}

// statusOfAll asks the servers of the ensemble, at the same time, and prints a line for each.
func (d *daemon) statusOfAll(ctx context.Context, args []string) error {
	cfg, err := d.configured(args)
	if len(cfg.Servers) == 0 {
		if err != nil {
			return err
		}
		return &exitError{exitUsage, errors.New("there are no server lines in the configuration: ask with status, without --all")}
	}
	answers := make([]chan string, len(cfg.Servers))
	for i := range cfg.Servers {
		answers[i] = make(chan string, 1)
		addr, guessed := serverAddr(&cfg, i)
		go func() {
			switch {
			case addr == "":
				answers[i] <- fmt.Sprintf("not asked: its client port is not in the configuration; add one, such as ;%d, to the line server.%d",
					max(cfg.ClientPort, 2181), cfg.Servers[i].ID)
			case guessed:
				answers[i] <- ask(ctx, addr) + " (the port is this server's: its line gives none)"
			default:
				answers[i] <- ask(ctx, addr)
			}
		}()
	}
	var up []quorum.Sid
	unasked := 0
	leader := quorum.None
	for i := range cfg.Servers {
		s, what := &cfg.Servers[i], <-answers[i]
		addr, _ := serverAddr(&cfg, i)
		if addr == "" {
			addr = cfg.Servers[i].Addresses[0].Host
			unasked++
		}
		mode, _, _ := strings.Cut(what, ",")
		switch mode {
		case "leader":
			leader = s.ID
			up = append(up, s.ID)
		case "follower":
			up = append(up, s.ID)
		}
		observer := ""
		if s.Observer {
			observer = " (observer)"
		}
		fmt.Fprintf(d.s.Out, "server.%d %s%s: %s\n", s.ID, addr, observer, what)
	}
	voters := cfg.Voters()
	if leader == quorum.None && unasked > 0 {
		return d.say(exitFailed, "No leader found: %d of %d voters serve, %d servers could not be asked.", len(up), len(voters), unasked)
	}
	if leader == quorum.None {
		return d.say(exitFailed, "No leader: %d of %d voters serve.", len(up), len(voters))
	}
	if len(cfg.Groups) > 0 {
		return d.say(exitOK, "Leader: server %d. %d of %d voters serve.", leader, len(up), len(voters))
	}
	return d.say(exitOK, "Leader: server %d. %d of %d voters serve, %d more may fail.", leader, len(up), len(voters), max(0, len(up)-(len(voters)/2+1)))
}

// serverAddr is where the i-th server takes clients. If its line does not say so, that is known of this server; another's port
// is guessed to be the same as long as no other server is on its host. Empty: it is not known.
func serverAddr(cfg *config.Config, i int) (addr string, guessed bool) {
	s := &cfg.Servers[i]
	host, port := s.ClientHost, s.ClientPort
	switch {
	case port != 0:
	case s.ID == cfg.MyID:
		host, port = cfg.ClientPortAddress, cfg.ClientPort
	case sharesHost(cfg, i):
		return "", false
	default:
		port, guessed = cfg.ClientPort, true
	}
	if ip := net.ParseIP(host); (host == "" || ip != nil && ip.IsUnspecified()) && len(s.Addresses) > 0 {
		host = s.Addresses[0].Host
	}
	return net.JoinHostPort(host, strconv.Itoa(port)), guessed
}

// sharesHost tells whether another server has an address of the i-th.
func sharesHost(cfg *config.Config, i int) bool {
	for j := range cfg.Servers {
		for _, a := range cfg.Servers[j].Addresses {
			if j != i && slices.ContainsFunc(cfg.Servers[i].Addresses, func(b config.Address) bool { return strings.EqualFold(a.Host, b.Host) }) {
				return true
			}
		}
	}
	return false
}

// ask is what a server tells of itself, in words.
func ask(ctx context.Context, addr string) string {
	text, err := word(ctx, addr, "srvr")
	mode := strings.TrimPrefix(modeLine.FindString(text), "Mode: ")
	switch {
	case mode != "":
		what := mode
		if m := zxidLine.FindStringSubmatch(text); m != nil {
			what += ", zxid " + m[1]
		}
		if m := connLine.FindStringSubmatch(text); m != nil {
			what += ", connections " + m[1]
		}
		return what
	case strings.HasPrefix(text, notServing):
		return "runs, but serves nobody: it is starting, or has no leader"
	case err != nil:
		return "does not answer: " + err.Error()
	default:
		return "gives an answer that is none"
	}
}

// word sends a four-letter word and returns the answer.
func word(ctx context.Context, addr, w string) (string, error) {
	dialer := net.Dialer{Timeout: patience}
	return wordBy(ctx, dialer.DialContext, addr, w)
}

const patience = 5 * time.Second

func wordBy(ctx context.Context, dial func(ctx context.Context, network, addr string) (net.Conn, error), addr, w string) (string, error) {
	c, err := dial(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte(w)); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(c)
	if len(answer) > 0 {
		err = nil // what came counts
	}
	return string(answer), err
}
