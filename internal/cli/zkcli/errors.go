package zkcli

import (
	"errors"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// plain are the errors with a sentence of their own, to which the path is added (CliWrapperException).
var plain = map[zkproto.Error]string{
	zkproto.ErrNoNode:                  "Node does not exist: ",
	zkproto.ErrNoChildrenForEphemerals: "Ephemerals cannot have children: ",
	zkproto.ErrNodeExists:              "Node already exists: ",
	zkproto.ErrNotEmpty:                "Node not empty: ",
	zkproto.ErrNotReadOnly:             "Not a read-only call: ",
	zkproto.ErrInvalidACL:              "Acl is not valid : ",
	zkproto.ErrNoAuth:                  "Insufficient permission : ",
	zkproto.ErrBadArguments:            "Arguments are not valid : ",
	zkproto.ErrBadVersion:              "version No is not valid : ",
	zkproto.ErrQuotaExceeded:           "Quota has exceeded : ",
}

// sentences are the errors whose sentence names no path.
var sentences = map[zkproto.Error]string{
	zkproto.ErrReconfigInProgress: "Another reconfiguration is in progress -- concurrent reconfigs not supported (yet)",
	zkproto.ErrNewConfigNoQuorum: "No quorum of new config is connected and up-to-date with the leader of last commmitted config - " + // the original's spelling
		"try invoking reconfiguration after new servers are connected and synced",
}

// codeNames are the words of KeeperException.getCodeMessage that are no sentence in zkproto.
var codeNames = map[zkproto.Error]string{
	zkproto.ErrSystemError: "SystemError", zkproto.ErrRuntimeInconsistency: "RuntimeInconsistency",
	zkproto.ErrDataInconsistency: "DataInconsistency", zkproto.ErrConnectionLoss: "ConnectionLoss",
	zkproto.ErrMarshallingError: "MarshallingError", zkproto.ErrUnimplemented: "Unimplemented",
	zkproto.ErrOperationTimeout: "OperationTimeout", zkproto.ErrAPIError: "APIError", zkproto.ErrInvalidACL: "InvalidACL",
	zkproto.ErrAuthFailed: "AuthFailed", zkproto.ErrNewConfigNoQuorum: "NewConfigNoQuorum",
	zkproto.ErrReconfigInProgress: "ReconfigInProgress", zkproto.ErrBadArguments: "BadArguments", zkproto.ErrNoNode: "NoNode",
	zkproto.ErrNoAuth: "NoAuth", zkproto.ErrBadVersion: "BadVersion", zkproto.ErrNodeExists: "NodeExists",
	zkproto.ErrNoChildrenForEphemerals: "NoChildrenForEphemerals",
}

// keeperMessage is KeeperException.getMessage.
func keeperMessage(code zkproto.Error, path string) string {
	name, ok := codeNames[code]
	if !ok {
		name = strings.ToUpper(code.Error()[:1]) + code.Error()[1:]
	}
	m := "KeeperErrorCode = " + name
	if path != "" {
		m += " for " + path
	}
	return m
}

// noPath is what the original's texts have in the place of a path that there is not. (A refused reconfig has an empty one.)
const noPath = "null"

// explain turns the failure of an operation on path into the original's text.
func explain(err error, path string) error {
	var bad *zkclient.PathError
	if err == nil || errors.As(err, &bad) {
		return err
	}
	var code zkproto.Error
	if !errors.As(err, &code) {
		return err
	}
	if text, ok := sentences[code]; ok {
		return failf("%s", text)
	}
	if text, ok := plain[code]; ok {
		return failf("%s%s", text, path)
	}
	if path == noPath {
		path = ""
	}
	return failf("%s", keeperMessage(code, path))
}
