package config

import (
	"slices"
	"strings"
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
	all := words(flags)
	for i := 0; i < len(all); i++ {
		flag := all[i]
		if def, ok := strings.CutPrefix(flag, "-D"); ok && def != "" {
			name, value, _ := strings.Cut(def, "=")
			out = append(out, Setting{Origin: origin, Name: name, Value: value})
			continue
		}
		switch flag {
		case "-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-opens", "--add-exports", "--add-modules", "--add-reads":
			i++ // its value
		}
		warnings = append(warnings, Problem{File: origin, Key: flag, Reason: "accepted, has no meaning here: there is no JVM"})
	}
	return out, warnings
}

// ParseProperty reads name=value, the argument of a flag -D.
func ParseProperty(origin, def string) Setting {
	name, value, _ := strings.Cut(def, "=")
	return Setting{Origin: origin, Name: name, Value: value}
}

// words splits as a shell does, without expanding anything. A quote that is never closed ends with the text.
func words(s string) []string {
	var out []string
	var word strings.Builder
	inWord := false
	var quote byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			if inWord {
				out = append(out, word.String())
				word.Reset()
			}
			inWord = false
		case quote == 0 && (c == '"' || c == '\''):
			quote, inWord = c, true
		case c == quote && quote != 0:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			word.WriteByte(s[i])
			inWord = true
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		out = append(out, word.String())
	}
	return out
}
