package config

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// badValue is the reason a value is refused, with what would do.
type badValue struct{ reason, remedy string }

func (e *badValue) Error() string { return e.reason }

func bad(remedy, format string, args ...any) error {
	return &badValue{reason: fmt.Sprintf(format, args...), remedy: remedy}
}

// number reads an integer within bounds, in decimal or, as the original's documentation writes jute.maxbuffer, in hexadecimal.
func number(v, unit string, least, most int64) (int64, error) {
	n, err := strconv.ParseInt(v, 10, 64)
	if digits, ok := hexadecimal(v); ok {
		var u uint64
		u, err = strconv.ParseUint(digits, 16, 63)
		n = int64(u)
	}
	remedy := fmt.Sprintf("give a whole number%s from %d to %d", unit, least, most)
	if errors.Is(err, strconv.ErrRange) || (err == nil && (n < least || n > most)) {
		return 0, bad(remedy, "%s is out of range", v)
	}
	if err != nil {
		return 0, bad(remedy, "%q is not a whole number", v)
	}
	return n, nil
}

// downward reads a number that may be below the least that means something: the original takes all of those alike.
func downward(v, unit string, least, most int64) (int64, error) {
	if n, err := number(v, unit, math.MinInt64, least); err == nil {
		return n, nil
	}
	return number(v, unit, least, most)
}

// hexadecimal are the digits of a number that is written so, in the forms that Java's Integer.decode knows.
func hexadecimal(v string) (digits string, ok bool) {
	for _, prefix := range []string{"0x", "0X", "#"} {
		if digits, ok = strings.CutPrefix(v, prefix); ok {
			return digits, true
		}
	}
	return "", false
}

// boolean reads true or false. To the original no is false, too, but yes is not true: a file must not switch on here what it
// leaves off there.
func boolean(v string) (bool, error) {
	switch strings.ToLower(v) {
	case "true":
		return true, nil
	case "false", "no":
		return false, nil
	default:
		return false, bad("give true or false", "%q is neither true nor false", v)
	}
}

const (
	highest = math.MaxInt32                           // of most numbers there, Java's int
	longest = math.MaxInt64 / int64(time.Millisecond) // of a time in milliseconds, where Java has a long
)

// remarked says that a value was taken for another, as the original takes it.
type remarked string

func (r remarked) Error() string { return string(r) }

func remark(format string, args ...any) error { return remarked(fmt.Sprintf(format, args...)) }

// interval reads hours as a bare number, 0 and less for never, or a number with unit d, h, m, s or ms.
func interval(v string) (time.Duration, error) {
	units := []struct {
		suffix string
		unit   time.Duration
	}{{"ms", time.Millisecond}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"", time.Hour}}
	for _, u := range units {
		digits, ok := strings.CutSuffix(v, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 32)
		if u.suffix == "" && err == nil && n < 0 {
			return 0, nil // off, as there
		}
		if err != nil || n < 0 || n > math.MaxInt64/int64(u.unit) {
			break
		}
		return time.Duration(n) * u.unit, nil
	}
	return 0, bad("give hours as a bare number, or a number with d, h, m, s or ms", "%q is no interval", v)
}

func intKey(name string, least, most int64, field func(*Config) *int) key {
	return key{name: name, set: func(c *Config, v string) error {
		n, err := number(v, "", least, most)
		if err == nil {
			*field(c) = int(n)
		}
		return err
	}}
}

// shareKey is a number from 0 to 1.
func shareKey(name string, field func(*Config) *float64) key {
	return key{name: name, set: func(c *Config, v string) error {
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || !(f >= 0 && f <= 1) {
			return bad("give a number from 0 to 1, such as 0.02", "%q is no share", v)
		}
		*field(c) = f
		return nil
	}}
}

func millisKey(name string, least int64, field func(*Config) *time.Duration) key {
	return key{name: name, set: func(c *Config, v string) error {
		n, err := number(v, " of milliseconds", least, highest)
		if err == nil {
			*field(c) = time.Duration(n) * time.Millisecond
		}
		return err
	}}
}

// offMillisKey is a time that 0 switches off; so does less.
func offMillisKey(name string, field func(*Config) *time.Duration) key {
	return key{name: name, set: func(c *Config, v string) error {
		n, err := downward(v, " of milliseconds", 0, longest)
		*field(c) = time.Duration(max(n, 0)) * time.Millisecond
		return err
	}}
}

// kibKey is a size given in KiB and kept in bytes. 0 and less is none, and kept as -1.
func kibKey(name string, field func(*Config) *int64) key {
	return key{name: name, set: func(c *Config, v string) error {
		n, err := downward(v, " of KiB", 0, math.MaxInt64>>10)
		if *field(c) = n << 10; n <= 0 {
			*field(c) = -1
		}
		return err
	}}
}

// atLeast is a number below which all mean the least; told tells whether the operator should hear of it.
func atLeast(name string, least int, told bool, field func(*Config) *int) key {
	return key{name: name, set: func(c *Config, v string) error {
		n, err := downward(v, "", int64(least), highest)
		*field(c) = int(max(int64(least), n))
		if err == nil && told && n < int64(least) {
			return remark("counts as %d, which is the least", least)
		}
		return err
	}}
}

func boolKey(name string, field func(*Config) *bool) key {
	return key{name: name, set: func(c *Config, v string) error {
		b, err := boolean(v)
		if err == nil {
			*field(c) = b
		}
		return err
	}}
}

// yesKey is one of those that the original wants to be yes or no. It takes everything else for the standard, so what looks like
// the contrary is refused: skipACL=true leaves the permissions on there, and forceSync=false the fsync.
func yesKey(name string, standard bool, field func(*Config) *bool) key {
	change, stay := "yes", "no"
	if standard {
		change, stay = stay, change
	}
	return key{name: name, set: func(c *Config, v string) error {
		switch v {
		case change:
			*field(c) = !standard
		case stay, strconv.FormatBool(standard):
			*field(c) = standard
		default:
			return bad(fmt.Sprintf("give %s or %s", change, stay), "%q means %s to the original, which knows yes and no only", v, stay)
		}
		return nil
	}}
}

// pathKey is a textKey whose value names a file or a directory. In a properties file a backslash takes the next character to
// itself, so C:\zk\data becomes C:zkdata, the name of something in whatever directory of that drive is the current one: nobody
// means that.
func pathKey(name string, field func(*Config) *string) key {
	k := textKey(name, field)
	set := k.set
	k.set = func(c *Config, v string) error {
		if filepath.VolumeName(v) != "" && !filepath.IsAbs(v) { // on Windows alone: elsewhere there are no drives
			return bad("write C:/zk/data, or C:\\\\zk\\\\data: a single backslash is lost", "%q is a path without a place on its drive", v)
		}
		return set(c, v)
	}
	return k
}

func textKey(name string, field func(*Config) *string) key {
	return key{name: name, set: func(c *Config, v string) error {
		if v == "" {
			return bad("give a value or remove the line", "is empty")
		}
		*field(c) = v
		return nil
	}}
}
