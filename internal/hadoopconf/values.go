package hadoopconf

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxSubst is how many ${…} of one value are replaced.
const maxSubst = 20

// Get is the value with ${…} replaced; empty when it is not set. The error says which variables go round.
func (c *Conf) Get(key string) (string, error) {
	v, ok := c.Lookup(key)
	if !ok {
		return "", nil
	}
	return c.Expand(v.Raw)
}

// Expand replaces the ${…} of text.
func (c *Conf) Expand(text string) (string, error) {
	eval := text
	for range maxSubst {
		from, to := variable(eval)
		if from < 0 {
			return eval, nil
		}
		name := eval[from+2 : to-1]
		val, ok := c.variable(name)
		switch {
		case !ok:
			return eval, nil
		case strings.Contains(val, eval[from:to]): // it holds itself
			return text, nil
		}
		eval = eval[:from] + val + eval[to:]
		if len(eval) > 1<<20 {
			break
		}
	}
	return text, fmt.Errorf("more than %d variables are replaced in %q: do they go round?", maxSubst, shorten(text))
}

// variable finds the first ${name} that holds no other, nor a blank; from is -1 when there is none.
func variable(s string) (from, to int) {
	for end := strings.IndexByte(s, '}'); end >= 0; {
		open := strings.LastIndex(s[:end], "${")
		if open >= 0 && open+2 < end && !strings.ContainsAny(s[open+2:end], "}$ ") {
			return open, end + 1
		}
		next := strings.IndexByte(s[end+1:], '}')
		if next < 0 {
			break
		}
		end += 1 + next
	}
	return -1, -1
}

func (c *Conf) variable(name string) (string, bool) {
	if rest, ok := strings.CutPrefix(name, "env."); ok && rest != "" {
		if env, ok := c.environment(rest); ok {
			return env, true
		}
	} else if s, ok := system(name); ok {
		return s, true
	}
	v, ok := c.Lookup(name)
	return v.Raw, ok
}

// environment is NAME, NAME-default (when NAME is not set) or NAME:-default (when it is not set or empty).
func (c *Conf) environment(s string) (string, bool) {
	i := strings.IndexByte(s, '-')
	if i < 0 {
		return c.getenv(s)
	}
	name, fallback := s[:i], s[i+1:]
	name, orEmpty := strings.CutSuffix(name, ":")
	if v, ok := c.getenv(name); ok && (v != "" || !orEmpty) {
		return v, true
	}
	return fallback, true
}

// trimmed is Get without blanks around, and tells whether the key is set at all.
func (c *Conf) trimmed(key string) (string, bool, error) {
	_, ok := c.Lookup(key)
	s, err := c.Get(key)
	return strings.TrimSpace(s), ok, err
}

// Trimmed is Get without blanks around.
func (c *Conf) Trimmed(key string) (string, error) {
	s, _, err := c.trimmed(key)
	return s, err
}

// Strings is the value as a list: separated by commas or line ends, blanks around each removed, empty ones left out, each
// named once.
func (c *Conf) Strings(key string) ([]string, error) {
	s, err := c.Get(key)
	if err != nil {
		return nil, err
	}
	var out []string
	seen := map[string]bool{}
	for _, e := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == '\n' }) {
		if e = strings.TrimSpace(e); e != "" && !seen[e] {
			seen[e] = true
			out = append(out, e)
		}
	}
	return out, nil
}

// Bool is true or false in any case; anything else is def, as in the original, and known says that it was so.
func (c *Conf) Bool(key string, def bool) (value, known bool, err error) {
	s, _, err := c.trimmed(key)
	switch {
	case err != nil:
		return def, false, err
	case strings.EqualFold(s, "true"):
		return true, true, nil
	case strings.EqualFold(s, "false"):
		return false, true, nil
	}
	return def, s == "", nil
}

// Int is a whole number of 32 bits, decimal or as 0x…; def when the key is not set.
func (c *Conf) Int(key string, def int) (int, error) {
	s, ok, err := c.trimmed(key)
	if err != nil || !ok {
		return def, err
	}
	n, err := ParseInt(s)
	if err != nil {
		return def, err
	}
	return n, nil
}

// ParseInt reads a whole number of 32 bits, decimal or as 0x…
func ParseInt(s string) (int, error) {
	digits, neg := strings.CutPrefix(s, "-")
	base := 10
	if hex, ok := strings.CutPrefix(strings.ToLower(digits), "0x"); ok {
		digits, base = hex, 16
	}
	if digits == "" || digits[0] == '-' || base == 16 && digits[0] == '+' || strings.Contains(digits, "_") {
		return 0, fmt.Errorf("%q is not a whole number", s)
	}
	if neg {
		digits = "-" + digits
	}
	n, err := strconv.ParseInt(digits, base, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number below 2^31", s)
	}
	return int(n), nil
}

// units are the suffixes of a duration, longest first where one ends as another.
var units = []struct {
	suffix string
	unit   time.Duration
}{
	{"ns", time.Nanosecond},
	{"us", time.Microsecond},
	{"ms", time.Millisecond},
	{"s", time.Second},
	{"m", time.Minute},
	{"h", time.Hour},
	{"d", 24 * time.Hour},
}

// ParseDuration reads a number with one of the suffixes ns us ms s m h d, in any case; without one it counts unit.
func ParseDuration(text string, unit time.Duration) (time.Duration, error) {
	s := strings.ToLower(strings.TrimSpace(text))
	for _, u := range units {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			s, unit = rest, u.unit
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration; write a number with one of ns, us, ms, s, m, h, d", text)
	}
	if limit := int64(1<<63-1) / int64(unit); n > limit || n < -limit {
		return 0, fmt.Errorf("%q is longer than 290 years", text)
	}
	return time.Duration(n) * unit, nil
}
