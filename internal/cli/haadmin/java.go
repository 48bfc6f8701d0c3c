package haadmin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
	"github.com/holdfast-ha/holdfast/internal/sock"
)

// javaError is an error as the original's RPC client words it, because scripts look for these words.
type javaError struct {
	class string // of the exception
	text  string
	err   error
	hints []string // what the original does not say
}

func (j *javaError) Error() string { return j.text }
func (j *javaError) Unwrap() error { return j.err }

// trace is the first line that Java prints of an exception.
func (j *javaError) trace() string { return j.class + ": " + j.text }

func isUnhealthy(err error) bool     { return errors.Is(err, target.ErrUnhealthy) }
func isServiceFailed(err error) bool { return hadooprpc.IsClass(err, hadooprpc.ClassServiceFailed) }

// The classes of what cannot be understood.
const (
	classEOF = "java.io.EOFException"
	classIO  = "java.io.IOException"
)

const wiki = "; For more details see:  http://wiki.apache.org/hadoop/" // two blanks, as the original

// asJava words the error of a call to host:port. An exception of the other side is its message, without the stack trace.
func asJava(err error, host string, port int) *javaError {
	var e *hadooprpc.Exception
	if errors.As(err, &e) {
		return &javaError{class: e.Class, text: e.Message, err: err}
	}
	local := localHost()
	as := func(class, text string) *javaError { return &javaError{class: class, text: text, err: err} }
	call := fmt.Sprintf("Call From %s to %s:%d failed on ", local, host, port)
	var dns *net.DNSError
	switch {
	case sock.Refused(err):
		const class = "java.net.ConnectException"
		return as(class, call+"connection exception: "+class+": Connection refused"+wiki+"ConnectionRefused")
	case errors.As(err, &dns):
		const class = "java.net.UnknownHostException"
		invalid := fmt.Sprintf("Invalid host name: local host is: \"%s\"; destination host is: \"%s\":%d; %s", local, host, port, class)
		more := wiki + "UnknownHost"
		return as(class, invalid+": "+invalid+more+more)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), sock.TimedOut(err):
		const class = "java.net.SocketTimeoutException"
		return as(class, call+"socket timeout exception: "+class+": no answer in time ("+err.Error()+")"+wiki+"SocketTimeout")
	case sock.Unreachable(err):
		const class = "java.net.NoRouteToHostException"
		return as(class, fmt.Sprintf("No Route to Host from  %s to %s:%d failed on socket timeout exception: %s: %s%sNoRouteToHost",
			local, host, port, class, err, wiki))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return as(classEOF, fmt.Sprintf("End of File Exception between local host is: \"%s\"; destination host is: \"%s\":%d; : %s%sEOFException",
			local, host, port, classEOF, wiki))
	}
	return as(classIO, fmt.Sprintf("Failed on local exception: %s: %s; Host Details : local host is: \"%s\"; destination host is: \"%s\":%d; ",
		classIO, err, local, host, port))
}

// localHost is this machine as Java prints its address: name/ip.
func localHost() string {
	name, err := os.Hostname()
	if err != nil {
		return "(unknown)"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	ips, err := net.DefaultResolver.LookupHost(ctx, name)
	if err != nil || len(ips) == 0 {
		return name + "/127.0.0.1"
	}
	for _, ip := range ips {
		if net.ParseIP(ip).To4() != nil {
			return name + "/" + ip
		}
	}
	return name + "/" + ips[0]
}
