package config

import (
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/jvmflags"
)

// bareProperties are the system properties of the original that do not begin with "zookeeper.". One that ends in a dot
// stands for all that begin so.
var bareProperties = []string{
	"jute.maxbuffer", "readonlymode.enabled", "znode.container.", "fsync.warningthresholdms", "learner.closeSocketAsync",
	"leader.closeSocketAsync", "learner.asyncSending", "follower.nodelay", "leader.nodelay", "java.security.auth.login.config",
	"request_throttle_drop_stale",
}

// isOurs tells whether a system property is one of ZooKeeper's.
func isOurs(name string) bool {
	if strings.HasPrefix(name, "zookeeper.") {
		return true
	}
	return slices.ContainsFunc(bareProperties, func(b string) bool {
		return name == b || strings.HasSuffix(b, ".") && strings.HasPrefix(name, b)
	})
}

// ParseJVMFlags reads the flags of a java command line as zkServer.sh passes them on from SERVER_JVMFLAGS and JVMFLAGS:
// words between spaces, with the shell's quotes and backslashes. It answers the system properties; the warnings name the
// flags that are for the JVM alone. origin is where the flags stand, for messages.
func ParseJVMFlags(origin, flags string) ([]Setting, Problems) {
	var out []Setting
	var warnings Problems
	properties, others := jvmflags.Properties(flags)
	for _, p := range properties {
		out = append(out, Setting{Origin: origin, Name: p.Name, Value: p.Value})
	}
	for _, flag := range others {
		warnings = append(warnings, Problem{File: origin, Key: flag, Reason: "accepted, has no meaning here: there is no JVM"})
	}
	return out, warnings
}

// ParseProperty reads name=value, the argument of a flag -D.
func ParseProperty(origin, def string) Setting {
	name, value, _ := strings.Cut(def, "=")
	return Setting{Origin: origin, Name: name, Value: value}
}
