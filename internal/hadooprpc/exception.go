package hadooprpc

import (
	"errors"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/hadooprpc/rpcpb"
)

// The exception classes that this project sends or acts on.
const (
	ClassIO             = "java.io.IOException"
	ClassFileNotFound   = "java.io.FileNotFoundException"
	ClassAccessControl  = "org.apache.hadoop.security.AccessControlException"
	ClassAuthorization  = "org.apache.hadoop.security.authorize.AuthorizationException"
	ClassStandby        = "org.apache.hadoop.ipc.StandbyException"
	ClassServiceFailed  = "org.apache.hadoop.ha.ServiceFailedException"
	ClassHealthCheck    = "org.apache.hadoop.ha.HealthCheckFailedException"
	ClassNoSuchProtocol = "org.apache.hadoop.ipc.RpcNoSuchProtocolException"
	ClassNoSuchMethod   = "org.apache.hadoop.ipc.RpcNoSuchMethodException"
	ClassVersion        = "org.apache.hadoop.ipc.RPC$VersionMismatch"
	ClassFatal          = "org.apache.hadoop.ipc.Server$FatalRpcServerException"
	ClassRPCServer      = "org.apache.hadoop.ipc.RpcServerException"
)

// Exception is a Java exception on the wire. A server's handler returns one to choose the class that the client sees; a
// client's call returns one when the server answered with ERROR or FATAL.
type Exception struct {
	Class   string // full Java name
	Message string // one line as a rule: what stands before the stack trace
	Stack   string // the stack trace, "\tat …" lines; empty from servers of this project
	Code    rpcpb.RpcResponseHeader_ErrorCode
	Fatal   bool // the server closes the connection
}

// NewException is an exception of an application.
func NewException(class, message string) *Exception {
	return &Exception{Class: class, Message: message, Code: rpcpb.RpcResponseHeader_ERROR_APPLICATION}
}

// Error is the class without its package, and the message.
func (e *Exception) Error() string {
	return e.Class[strings.LastIndexByte(e.Class, '.')+1:] + ": " + e.Message
}

// wireMessage is the errorMsg of the response header.
func (e *Exception) wireMessage() string {
	if e.Stack == "" {
		return e.Message
	}
	return e.Message + "\n" + e.Stack
}

// exceptionOf reads the exception out of a response header.
func exceptionOf(h *rpcpb.RpcResponseHeader) *Exception {
	msg, stack := h.GetErrorMsg(), ""
	if i := strings.Index(msg, "\n\tat "); i >= 0 {
		msg, stack = msg[:i], msg[i+1:]
	}
	class := h.GetExceptionClassName()
	if class == "" {
		class = ClassIO
	}
	return &Exception{
		Class: class, Message: msg, Stack: stack, Code: h.GetErrorDetail(),
		Fatal: h.GetStatus() == rpcpb.RpcResponseHeader_FATAL,
	}
}

// asException turns any error of a handler into what the client shall see: an *Exception in its chain as it is (but
// never FATAL: that was about another connection), anything else as java.io.IOException.
func asException(err error) *Exception {
	var e *Exception
	if errors.As(err, &e) {
		if e.Fatal {
			return &Exception{Class: e.Class, Message: e.Message, Stack: e.Stack, Code: rpcpb.RpcResponseHeader_ERROR_APPLICATION}
		}
		return e
	}
	return NewException(ClassIO, err.Error())
}

// IsClass tells whether err is an exception of the given class from the other side.
func IsClass(err error, class string) bool {
	var e *Exception
	return errors.As(err, &e) && e.Class == class
}

// Strange tells whether err means that the other side is no server of this protocol, or one of another version of it: its answer
// cannot be read, or it does not know the protocol or method.
func Strange(err error) bool {
	if errors.Is(err, ErrMalformed) || errors.Is(err, ErrFrameTooLarge) {
		return true
	}
	for _, class := range []string{ClassNoSuchMethod, ClassNoSuchProtocol, ClassVersion} {
		if IsClass(err, class) {
			return true
		}
	}
	return false
}
