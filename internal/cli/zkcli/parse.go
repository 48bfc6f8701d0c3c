package zkcli

import (
	"regexp"
	"slices"
	"strings"
)

// word is one argument of a line: bare, or in double or single quotes.
var word = regexp.MustCompile(`\s*([^"'\s]\S*|"[^"]*"|'[^']*')\s*`)

// splitLine takes a line apart as the original does: quotes hold words together and are taken off; there is no escape.
func splitLine(line string) []string {
	var args []string
	for _, m := range word.FindAllStringSubmatch(line, -1) {
		w := m[1]
		if len(w) >= 2 && (w[0] == '"' || w[0] == '\'') && w[len(w)-1] == w[0] {
			w = w[1 : len(w)-1]
		}
		args = append(args, w)
	}
	return args
}

// parsed is a command's arguments, options apart.
type parsed struct {
	args    []string          // without the command's name
	flags   map[byte]string   // value of each option that was given
	words   map[string]string // the same for options of several letters
	command *command
}

func (p *parsed) has(f byte) bool { _, ok := p.flags[f]; return ok }

// parseOptions knows what commons-cli knows: options anywhere, joined (-sw), values apart or joined (-v 3, -v3, -v=3), a
// negative number is no option, and -- ends them. Texts of errors are the original's.
func parseOptions(c *command, args []string) (*parsed, error) {
	p := &parsed{flags: map[byte]string{}, words: map[string]string{}, command: c}
	rest := args[1:]
	if c.raw {
		p.args = rest
		return p, nil
	}
	first := byte(0) // of the options of which only one may be given
	for i := 0; i < len(rest); i++ {
		a := rest[i]
		if a == "--" {
			p.args = append(p.args, rest[i+1:]...)
			break
		}
		if len(a) < 2 || a[0] != '-' || isNumber(a) {
			p.args = append(p.args, a)
			continue
		}
		if name, value, joined := strings.Cut(a[1:], "="); slices.Contains(c.words, name) {
			if !joined {
				if i++; i >= len(rest) || isOption(rest[i]) {
					return nil, failf("org.apache.commons.cli.MissingArgumentException: Missing argument for option: %s", name)
				}
				value = rest[i]
			}
			p.words[name] = value
			continue
		}
		for j := 1; j < len(a); j++ {
			f := a[j]
			if c.oneOf && strings.IndexByte(c.flags+c.valued, f) >= 0 {
				if first != 0 && first != f {
					return nil, failf("org.apache.commons.cli.AlreadySelectedException: The option '%c' was specified but an "+
						"option from this group has already been selected: '%c'", f, first)
				}
				first = f
			}
			switch {
			case strings.IndexByte(c.valued, f) >= 0:
				v := strings.TrimPrefix(a[j+1:], "=")
				if j+1 == len(a) {
					if i++; i >= len(rest) || isOption(rest[i]) {
						return nil, failf("org.apache.commons.cli.MissingArgumentException: Missing argument for option: %c", f)
					}
					v = rest[i]
				}
				p.flags[f] = v
				j = len(a)
			case strings.IndexByte(c.flags, f) >= 0:
				p.flags[f] = ""
			default:
				return nil, failf("org.apache.commons.cli.UnrecognizedOptionException: Unrecognized option: %s", a)
			}
		}
	}
	if c.required != "" && len(p.flags) == 0 {
		return nil, failf("org.apache.commons.cli.MissingOptionException: Missing required option: %s", c.required)
	}
	if len(p.args) < c.min || c.max > 0 && len(p.args) > c.max || c.none && len(p.args) > 0 {
		return nil, failf("%s", c.help())
	}
	return p, nil
}

func isOption(a string) bool { return len(a) > 1 && a[0] == '-' && !isNumber(a) }

// isNumber tells whether a is a negative number.
func isNumber(a string) bool {
	digits := strings.TrimPrefix(a, "-")
	return digits != "" && strings.Trim(digits, "0123456789.") == ""
}
