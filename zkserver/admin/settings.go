package admin

import (
	"maps"
	"slices"
	"strings"
)

// settings are the properties that the server was started with, and the lines of its zoo.cfg as properties zookeeper.KEY, which
// count more: in the original the properties of the JVM, among which those lines are that it does not know itself.
func (h *HTTP) settings() object {
	st := h.src.Status(false)
	m := maps.Clone(st.Properties)
	if m == nil {
		m = map[string]string{}
	}
	for _, line := range logicalLines(st.InitialConfig) {
		key, value, ok := keyAndValue(line)
		if ok && !isComment(line) {
			m["zookeeper."+key] = value
		}
	}
	o := object{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if secret(key) {
			m[key] = hidden
		}
		o = append(o, field{key, m[key]})
	}
	return o
}

// hidden stands for a secret (CVE-2026-24308).
const hidden = "***"

// secret tells whether the value of a key must not be shown.
func secret(key string) bool {
	key = strings.ToLower(key)
	return strings.HasSuffix(key, "password") || strings.HasSuffix(key, "passwd") || strings.HasSuffix(key, "superdigest")
}

// withoutSecrets hides the secrets of a zoo.cfg, those in its comments, too.
func withoutSecrets(text string) string {
	var b strings.Builder
	for _, line := range logicalLines(text) {
		bare := strings.TrimLeft(line, blanks+"#!")
		at := strings.IndexAny(bare, "=:"+blanks)
		if at > 0 && secret(bare[:at]) {
			line = line[:len(line)-len(bare)+at+1] + hidden + "\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

// blanks are what may stand before a key in a .properties file, and behind it.
const blanks = " \t\f"

// logicalLines are the lines of a .properties file with their ends, each with the lines that continue it: a backslash ends it, and
// it is no comment.
func logicalLines(text string) []string {
	var out []string
	open := false
	for line := range strings.Lines(text) {
		if open {
			out[len(out)-1] += line
		} else {
			out = append(out, line)
		}
		content := strings.TrimRight(line, "\r\n")
		slashes := len(content) - len(strings.TrimRight(content, `\`))
		open = slashes%2 == 1 && !isComment(out[len(out)-1])
	}
	return out
}

func isComment(line string) bool {
	line = strings.TrimLeft(line, blanks)
	return line != "" && (line[0] == '#' || line[0] == '!')
}

// keyAndValue takes a logical line apart. Escapes other than of the line's end stay as they are.
func keyAndValue(line string) (key, value string, ok bool) {
	var b strings.Builder
	for part := range strings.Lines(line) {
		part = strings.TrimRight(strings.TrimLeft(part, blanks), "\r\n")
		slashes := len(part) - len(strings.TrimRight(part, `\`))
		if slashes%2 == 1 {
			part = part[:len(part)-1]
		}
		b.WriteString(part)
	}
	text := b.String()
	at := strings.IndexAny(text, "=:"+blanks)
	if at <= 0 {
		return "", "", false
	}
	value = strings.TrimLeft(text[at:], blanks)
	if value != "" && (value[0] == '=' || value[0] == ':') {
		value = value[1:]
	}
	return text[:at], strings.Trim(value, blanks), true
}
