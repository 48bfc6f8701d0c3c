// Package jvmflags reads the flags of a java command line as the originals' scripts pass them on from a variable of the environment,
// for what they mean without a JVM: the system properties.
package jvmflags

import "strings"

// Property is what -Dname=value sets.
type Property struct{ Name, Value string }

// Properties are the system properties of flags, in their order, and the other flags.
func Properties(flags string) (properties []Property, others []string) {
	all := Words(flags)
	for i := 0; i < len(all); i++ {
		flag := all[i]
		if def, ok := strings.CutPrefix(flag, "-D"); ok && def != "" {
			name, value, _ := strings.Cut(def, "=")
			properties = append(properties, Property{name, value})
			continue
		}
		switch flag {
		case "-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-opens", "--add-exports", "--add-modules", "--add-reads":
			i++ // its value
		}
		others = append(others, flag)
	}
	return properties, others
}

// Words splits as a shell does, without expanding anything. A quote that is never closed ends with the text.
func Words(s string) []string {
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
