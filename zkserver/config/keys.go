package config

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// key is one known key of zoo.cfg: set when it is honoured, a note when it is accepted and does nothing.
type key struct {
	name string
	set  func(*Config, string) error
	note string
}

// badValue is the reason a value is refused, with what would do.
type badValue struct{ reason, remedy string }

func (e *badValue) Error() string { return e.reason }

func bad(remedy, format string, args ...any) error {
	return &badValue{reason: fmt.Sprintf(format, args...), remedy: remedy}
}

// number reads an integer within bounds.
func number(v, unit string, least, most int64) (int64, error) {
	n, err := strconv.ParseInt(v, 10, 64)
	remedy := fmt.Sprintf("give a whole number%s from %d to %d", unit, least, most)
	if errors.Is(err, strconv.ErrRange) || (err == nil && (n < least || n > most)) {
		return 0, bad(remedy, "%s is out of range", v)
	}
	if err != nil {
		return 0, bad(remedy, "%q is not a whole number", v)
	}
	return n, nil
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

func millisKey(name string, least int64, field func(*Config) *time.Duration) key {
	return key{name: name, set: func(c *Config, v string) error {
		n, err := number(v, " of milliseconds", least, 1<<31-1)
		if err == nil {
			*field(c) = time.Duration(n) * time.Millisecond
		}
		return err
	}}
}

// kibKey is a size given in KiB and kept in bytes.
func kibKey(name string, least int64, field func(*Config) *int64) key {
	return key{name: name, set: func(c *Config, v string) error {
		n, err := number(v, " of KiB", least, 1<<32)
		if err == nil {
			*field(c) = n << 10
		}
		return err
	}}
}

// boundKey is a session timeout bound: -1 asks for the default, as in the original.
func boundKey(name string, field func(*Config) *time.Duration) key {
	return key{name: name, set: func(c *Config, v string) error {
		n, err := number(v, " of milliseconds", -1, 1<<31-1)
		if err == nil {
			*field(c) = max(0, time.Duration(n)) * time.Millisecond
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

func boolean(v string) (bool, error) {
	switch strings.ToLower(v) {
	case "true", "yes":
		return true, nil
	case "false", "no":
		return false, nil
	default:
		return false, bad("give true or false", "%q is neither true nor false", v)
	}
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

const (
	later   = "accepted, takes effect in a later version"
	noJVM   = "accepted, has no meaning here: it tunes the original's JVM, threads or network library"
	noTrust = "accepted, has no meaning here: a log that begins with the first transaction needs no snapshot, any other is refused"
	noAlone = "accepted, has no meaning for a single server"
)

// honoured are the keys that do something now.
var honoured = []key{
	intKey("clientPort", 1, 65535, func(c *Config) *int { return &c.ClientPort }),
	textKey("clientPortAddress", func(c *Config) *string { return &c.ClientPortAddress }),
	textKey("dataDir", func(c *Config) *string { return &c.DataDir }),
	textKey("dataLogDir", func(c *Config) *string { return &c.DataLogDir }),
	millisKey("tickTime", 1, func(c *Config) *time.Duration { return &c.TickTime }),
	boundKey("minSessionTimeout", func(c *Config) *time.Duration { return &c.MinSessionTimeout }),
	boundKey("maxSessionTimeout", func(c *Config) *time.Duration { return &c.MaxSessionTimeout }),
	intKey("maxClientCnxns", 0, 1<<31-1, func(c *Config) *int { return &c.MaxClientCnxns }),
	intKey("maxCnxns", 0, 1<<31-1, func(c *Config) *int { return &c.MaxCnxns }),
	intKey("globalOutstandingLimit", 1, 1<<31-1, func(c *Config) *int { return &c.GlobalOutstandingLimit }),
	intKey("jute.maxbuffer", 1024, 1<<30, func(c *Config) *int { return &c.MaxBuffer }),
	kibKey("preAllocSize", 1, func(c *Config) *int64 { return &c.PreAllocSize }),
	intKey("snapCount", 2, 1<<31-1, func(c *Config) *int { return &c.SnapCount }),
	kibKey("snapSizeLimitInKb", -1, func(c *Config) *int64 { return &c.SnapSizeLimit }),
	kibKey("txnLogSizeLimitInKb", -1, func(c *Config) *int64 { return &c.LogSizeLimit }),
	boolKey("forceSync", func(c *Config) *bool { return &c.ForceSync }),
	millisKey("fsync.warningthresholdms", 1, func(c *Config) *time.Duration { return &c.FsyncWarnThreshold }),
	{name: "autopurge.snapRetainCount", set: func(c *Config, v string) error {
		n, err := number(v, "", 0, 1<<31-1)
		c.SnapRetainCount = max(3, int(n)) // the original, too, keeps at least three
		return err
	}},
	{name: "autopurge.purgeInterval", set: func(c *Config, v string) (err error) {
		c.PurgeInterval, err = interval(v)
		return err
	}},
	boolKey("skipACL", func(c *Config) *bool { return &c.SkipACL }),
	boolKey("DigestAuthenticationProvider.enabled", func(c *Config) *bool { return &c.DigestAuth }),
	{name: "DigestAuthenticationProvider.superDigest", set: func(c *Config, v string) error {
		if user, hash, ok := strings.Cut(v, ":"); !ok || user != "super" || hash == "" {
			return bad("give super:<base64 of the SHA-1 of super:password>", "does not have the form super:hash")
		}
		c.SuperDigest = v
		return nil
	}},
	{name: "DigestAuthenticationProvider.digestAlg", set: func(_ *Config, v string) error {
		if v != "SHA1" && v != "SHA-1" {
			return bad("remove the line or give SHA1, the algorithm of this version", "%q is not supported", v)
		}
		return nil
	}},
	boolKey("extendedTypesEnabled", func(c *Config) *bool { return &c.ExtendedTypes }),
	millisKey("znode.container.checkIntervalMs", 0, func(c *Config) *time.Duration { return &c.ContainerCheckInterval }),
	intKey("znode.container.maxPerMinute", 1, 1<<31-1, func(c *Config) *int { return &c.ContainerMaxPerMinute }),
	{name: "4lw.commands.whitelist", set: func(c *Config, v string) error {
		c.Commands = nil
		for w := range strings.SplitSeq(v, ",") {
			w = strings.TrimSpace(w)
			if w != "" && w != "*" && len(w) != 4 {
				return bad("list them like srvr,ruok,mntr or give *", "%q is no four-letter word", w)
			}
			if w != "" {
				c.Commands = append(c.Commands, w)
			}
		}
		return nil
	}},
	{name: "electionAlg", set: func(_ *Config, v string) error {
		if v != "3" {
			return bad("remove the line or give 3", "%q is not supported: only algorithm 3 exists", v)
		}
		return nil
	}},
}

// interval reads hours as a bare number, or a number with unit d, h, m, s or ms.
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
		if err != nil || n < 0 {
			break
		}
		return time.Duration(n) * u.unit, nil
	}
	return 0, bad("give hours as a bare number, or a number with d, h, m, s or ms", "%q is no interval", v)
}

// metrics collects the metricsProvider keys, which only make sense together.
type metrics struct {
	class, host string
	port        int
	noRuntime   bool
}

func (m *metrics) set(name, v string) (bool, error) {
	switch name {
	case "metricsProvider.className":
		m.class = v[strings.LastIndexByte(v, '.')+1:]
		switch m.class {
		case "PrometheusMetricsProvider", "DefaultMetricsProvider", "NullMetricsProvider":
			return true, nil
		}
		return true, bad("give org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider or remove the line",
			"%q is no known provider", v)
	case "metricsProvider.httpHost":
		m.host = v
		return true, nil
	case "metricsProvider.httpPort":
		n, err := number(v, "", 1, 65535)
		m.port = int(n)
		return true, err
	case "metricsProvider.exportJvmInfo":
		b, err := boolean(v)
		m.noRuntime = err == nil && !b
		return true, err
	default:
		return false, nil
	}
}

func (m *metrics) addr() string {
	if m.class != "PrometheusMetricsProvider" {
		return ""
	}
	port := m.port
	if port == 0 {
		port = 7000
	}
	host := m.host
	if host == "0.0.0.0" {
		host = ""
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}
