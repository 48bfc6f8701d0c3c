package fencing

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
)

// The scripts and their answers. Every answer is lines; a line that begins with #: opens a part or says something.
//
//	look  #:tcp            the listening lines of the kernel's table follow (/proc/net/tcp, then tcp6 if it is there), down to
//	      #:tcp-exit 0     the exit status of grep: 0 or 1 if it read the table; for the other, #:tcp6-exit
//	      #:ss             the answer of ss -ltne follows, down to
//	      #:ss-exit 0      its exit status
//	      #:pid 123        /proc/123/status follows, as far as the process is there
//	      #:end            the script was run to its end
//	find  lines of ls -l /proc/PID/fd: each directory's name, then its sockets of interest
//	kill  #:kill 123 0     the exit status of kill -9 for a process that still has one of the sockets
//	fuser #:fuser 0        the exit status of fuser -k
//	      #:nc refused     what nc found on the port then: open, refused, or none when it is not there or does not know
//
// Names of processes and of files are never believed, since users of that machine choose them: a process is killed only
// if its own /proc/PID/fd shows the socket at that moment, and the listening sockets come from the kernel's tables.
const endOfReply = "#:end"

const (
	scriptHead = "PATH=$PATH:/sbin:/usr/sbin:/usr/local/sbin; LC_ALL=C; export PATH LC_ALL\n"
	scriptTail = "echo '" + endOfReply + "'\n"
)

// Between two looks at a machine on which something still listens, and how long a killed process may take to be gone.
const (
	lookPause = 50 * time.Millisecond
	lookTime  = 10 * time.Second
)

// maxRounds is how often new processes on the port are killed: a supervisor that starts the service again at once is
// not to be raced for ever.
const maxRounds = 3

// killer finds, kills and verifies, all by scripts on the other machine.
type killer struct {
	host string
	port int
	wait time.Duration // for a killed process to be gone
	run  func(ctx context.Context, script string) (string, error)
	log  *zap.Logger
}

// scene is what a look at the machine shows.
type scene struct {
	proven    bool     // the look was able to see listeners: without it, seeing none means nothing
	listening bool     // something listens on the port
	inodes    []string // of the listening sockets
	alive     []int    // of the processes asked about, those that still run
}

var errCannotKill = errors.New("Unable to fence - it is running but we cannot kill it") //nolint:revive,staticcheck // the original's words

// kill ends what listens on the port. nil means: it was seen that nothing listens and that what was killed is dead.
func (k killer) kill(ctx context.Context) error {
	k.log.Info("Looking for process running on port " + strconv.Itoa(k.port))
	at, err := k.look(ctx, nil)
	if err != nil {
		return err
	}
	if !at.proven {
		return k.fuser(ctx)
	}
	if !at.listening {
		k.log.Info("Verified that the service is down.")
		return nil
	}
	var killed []int
	for range maxRounds {
		pids, err := k.listeners(ctx, at.inodes)
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			// The owner of the socket is hidden from this user, or it closed it just now. fuser is the last that may know.
			return k.fuser(ctx)
		}
		killed = append(killed, pids...)
		if err := k.signal(ctx, pids, at.inodes); err != nil {
			return err
		}
		if at, err = k.gone(ctx, killed); err != nil {
			return err
		}
		if !at.listening && len(at.alive) == 0 {
			k.log.Info("Successfully killed process that was listening on port "+strconv.Itoa(k.port), zap.Ints("pids", killed))
			return nil
		}
		if len(at.alive) > 0 {
			break
		}
	}
	k.log.Warn(errCannotKill.Error())
	if len(at.alive) > 0 {
		return fmt.Errorf("%w: %v live on after kill -9: has the user the right to kill them (log in as the service's user or as root), "+
			"or do they wait for a disk?", errCannotKill, at.alive)
	}
	return fmt.Errorf("%w: port %d is listened on again each time: stop the supervisor that restarts the service", errCannotKill, k.port)
}

// look sees who listens, and which of pids are alive.
func (k killer) look(ctx context.Context, pids []int) (scene, error) {
	var s strings.Builder
	fmt.Fprintf(&s, scriptHead+"for f in tcp tcp6; do if [ -e /proc/net/$f ]; then echo '#:tcp'; grep ' 0A ' /proc/net/$f 2>/dev/null; echo \"#:$f-exit $?\"; fi; done\n"+
		"echo '#:ss'; ss -ltne 'sport = :%d' 2>/dev/null; echo \"#:ss-exit $?\"\n", k.port)
	for _, p := range pids {
		fmt.Fprintf(&s, "echo '#:pid %d'; cat /proc/%d/status 2>/dev/null\n", p, p)
	}
	text, err := k.run(ctx, s.String()+scriptTail)
	if err != nil {
		return scene{}, err
	}
	return parseLook(text, k.port), nil
}

// sockets is a grep for the sockets in the listing of a directory of descriptors.
func sockets(inodes []string) string {
	var s strings.Builder
	for _, inode := range inodes {
		s.WriteString(` -e 'socket:\[` + inode + `\]'`)
	}
	return s.String()
}

// listeners are the processes that have the sockets.
func (k killer) listeners(ctx context.Context, inodes []string) ([]int, error) {
	if len(inodes) == 0 {
		return nil, nil
	}
	text, err := k.run(ctx, scriptHead+"ls -l /proc/[0-9]*/fd 2>/dev/null | grep -e '^/proc/'"+sockets(inodes)+"\n"+scriptTail)
	if err != nil {
		return nil, err
	}
	return parseFind(text, inodes), nil
}

// signal sends SIGKILL. Whether it worked is for the next look to say: a process may have ended by itself.
func (k killer) signal(ctx context.Context, pids []int, inodes []string) error {
	k.log.Info(fmt.Sprintf("Killing %v, which listen on port %d", pids, k.port))
	script := scriptHead
	for _, p := range pids {
		script += fmt.Sprintf("if ls -l /proc/%d/fd 2>/dev/null | grep%s >/dev/null; then kill -9 %d; echo \"#:kill %d $?\"; fi\n",
			p, sockets(inodes), p, p)
	}
	_, err := k.run(ctx, script+scriptTail)
	return err
}

// gone looks until the killed processes are gone, or for long enough.
func (k killer) gone(ctx context.Context, killed []int) (scene, error) {
	limit := time.NewTimer(k.wait)
	defer limit.Stop()
	for {
		at, err := k.look(ctx, killed)
		switch {
		case err != nil:
			return at, err
		case !at.proven:
			return at, errors.New("the machine does not tell any more who listens: it is not known whether the service is dead")
		case len(at.alive) == 0:
			return at, nil
		}
		pause := time.NewTimer(lookPause)
		select {
		case <-pause.C:
		case <-limit.C:
			pause.Stop()
			return at, nil
		case <-ctx.Done():
			pause.Stop()
			return at, fmt.Errorf("%v live on after kill -9", at.alive)
		}
	}
}

// fuser is the original's way, for machines without ss and /proc, or on which the owner of the port is hidden. The original
// counts any failure of nc as a proof that nothing listens, also that there is no nc; here only a refused connection is one.
func (k killer) fuser(ctx context.Context) error {
	host := "localhost"
	if plainHost.MatchString(k.host) {
		host = k.host
	}
	script := fmt.Sprintf(scriptHead+"fuser -v -k -n tcp %d >&2; echo \"#:fuser $?\"\n"+
		"n=0; while nc -z %s %d >/dev/null 2>&1 && [ $n -lt 3 ]; do n=$((n+1)); sleep 1; done\n"+
		"if r=$(nc -vz %s %d 2>&1 </dev/null); then echo '#:nc open'; else case $r in *refused*) echo '#:nc refused';; *) echo '#:nc none';; esac; fi\n",
		k.port, host, k.port, host, k.port)
	text, err := k.run(ctx, script+scriptTail)
	if err != nil {
		return err
	}
	fuser, nc := said(text, "#:fuser "), said(text, "#:nc ")
	at, err := k.look(ctx, nil)
	if err != nil {
		return err
	}
	quiet := !at.listening && (at.proven || nc == "refused")
	switch {
	case quiet && fuser == "0":
		k.log.Info("Successfully killed process that was listening on port " + strconv.Itoa(k.port))
		return nil
	case quiet:
		k.log.Info("Verified that the service is down.")
		return nil
	case at.listening || nc == "open":
		k.log.Warn(errCannotKill.Error())
		return fmt.Errorf("%w: the user may not see or kill the process (exit status of fuser: %s): log in as the service's user or as root",
			errCannotKill, fuser)
	}
	return fmt.Errorf("it cannot be shown that nothing listens on port %d: the machine has no readable /proc/net/tcp, no ss, "+
		"and no nc that answers (fuser: %s, nc: %s); install one of them", k.port, fuser, nc)
}

// plainHost are hosts that need no quoting in a script.
var plainHost = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]*$`)
