package config

import (
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/zkserver/auth"
)

// fileOnly marks keys that the original reads from zoo.cfg alone: as a system property they do nothing.
func fileOnly(keys ...key) []key {
	for i := range keys {
		keys[i].fileOnly = true
	}
	return keys
}

// hot marks keys that a reload changes in a running server.
func hot(keys ...key) []key {
	for i := range keys {
		keys[i].hot = true
	}
	return keys
}

// as gives a key the other names it has as a system property.
func as(k key, names ...string) key {
	k.also = names
	return k
}

// honoured are the keys that do something here.
func honoured() []key {
	var all []key
	for _, group := range [][]key{
		fileOnly(basics()...), hot(fileOnly(hotBasics()...)...), hot(hotLimits()...), limits(), storageKeys(), accessKeys(), demandKeys(), hot(hotAccess()...),
		adminKeys(), hot(hotAdmin()...), metricsKeys(), auditKeys(), tlsKeys(), httpsKeys(), hot(diagnosisKeys()...), fileOnly(ensembleFileKeys()...), ensembleKeys(),
		fileOnly(peerTLSKeys()...),
	} {
		all = append(all, group...)
	}
	return all
}

func basics() []key {
	return []key{
		intKey("clientPort", 1, 65535, func(c *Config) *int { return &c.ClientPort }),
		textKey("clientPortAddress", func(c *Config) *string { return &c.ClientPortAddress }),
		pathKey("dataDir", func(c *Config) *string { return &c.DataDir }),
		pathKey("dataLogDir", func(c *Config) *string { return &c.DataLogDir }),
		millisKey("tickTime", 1, func(c *Config) *time.Duration { return &c.TickTime }),
		{name: "clientPortListenBacklog", set: func(c *Config, v string) error {
			n, err := downward(v, "", 0, highest)
			c.ListenBacklog = int(max(n, 0)) // none of its own, as there, where -1 is no value
			return err
		}},
		{name: "electionAlg", set: func(_ *Config, v string) error {
			if v != "3" {
				return bad("remove the line or give 3", "%q is not supported: only algorithm 3 exists", v)
			}
			return nil
		}},
	}
}

func hotBasics() []key {
	return []key{
		{name: "minSessionTimeout", set: func(c *Config, v string) error {
			n, err := downward(v, " of milliseconds", 0, highest)
			switch {
			case n == -1:
				c.MinSessionTimeout = 0 // the default
			case n <= 0:
				c.MinSessionTimeout = -1 // no bound
			default:
				c.MinSessionTimeout = time.Duration(n) * time.Millisecond
			}
			return err
		}},
		{name: "maxSessionTimeout", set: func(c *Config, v string) error {
			if v == "-1" {
				c.MaxSessionTimeout = 0 // the default
				return nil
			}
			n, err := number(v, " of milliseconds", 1, highest)
			c.MaxSessionTimeout = time.Duration(n) * time.Millisecond
			return err
		}},
		{name: "maxClientCnxns", set: func(c *Config, v string) error {
			n, err := downward(v, "", 0, highest)
			c.MaxClientCnxns = int(max(n, -1)) // 0 and less is no limit
			return err
		}},
		atLeast("autopurge.snapRetainCount", 3, true, func(c *Config) *int { return &c.SnapRetainCount }),
		{name: "autopurge.purgeInterval", set: func(c *Config, v string) (err error) {
			c.PurgeInterval, err = interval(v)
			return err
		}},
	}
}

func hotLimits() []key {
	return []key{
		atLeast("maxCnxns", 0, false, func(c *Config) *int { return &c.MaxCnxns }),
		atLeast("globalOutstandingLimit", 0, false, func(c *Config) *int { return &c.GlobalOutstandingLimit }),
		{name: "jute.maxbuffer", set: func(c *Config, v string) error {
			n, err := number(v, "", 1024, highest)
			if c.MaxBuffer = int(n); err == nil && n > LargestMaxBuffer {
				c.MaxBuffer = LargestMaxBuffer
				return remark("counts as %d: what is larger does not fit into a record of the log", LargestMaxBuffer)
			}
			return err
		}},
		atLeast("snapCount", 2, true, func(c *Config) *int { return &c.SnapCount }),
		kibKey("snapSizeLimitInKb", func(c *Config) *int64 { return &c.SnapSizeLimit }),
		intKey("largeRequestMaxBytes", 1, highest, func(c *Config) *int { return &c.LargeRequestMaxBytes }),
		as(atLeast("requestThrottleLimit", 0, false, func(c *Config) *int { return &c.ThrottleLimit }), "request_throttle_max_requests"),
		as(millisKey("requestThrottleStallTime", 1, func(c *Config) *time.Duration { return &c.ThrottleStall }), "request_throttle_stall_time"),
		as(boolKey("requestThrottleDropStale", func(c *Config) *bool { return &c.DropStale }), "request_throttle_drop_stale"),
		as(boolKey("requestStaleLatencyCheck", func(c *Config) *bool { return &c.StaleLatencyCheck }), "request_stale_latency_check"),
		as(boolKey("requestStaleConnectionCheck", func(c *Config) *bool { return &c.StaleConnectionCheck }), "request_stale_connection_check"),
		as(offMillisKey("throttledOpWaitTime", func(c *Config) *time.Duration { return &c.ThrottledOpWait }), "throttled_op_wait_time"),
		as(intKey("connectionMaxTokens", 0, highest, func(c *Config) *int { return &c.Tokens.Max }), "connection_throttle_tokens"),
		as(millisKey("connectionTokenFillTime", 1, func(c *Config) *time.Duration { return &c.Tokens.FillTime }), "connection_throttle_fill_time"),
		as(intKey("connectionTokenFillCount", 1, highest, func(c *Config) *int { return &c.Tokens.FillCount }), "connection_throttle_fill_count"),
		as(key{name: "connectionFreezeTime", set: func(c *Config, v string) error {
			n, err := number(v, " of milliseconds", -1, highest)
			c.Tokens.Freeze = time.Duration(n) * time.Millisecond
			return err
		}}, "connection_throttle_freeze_time"),
		as(shareKey("connectionDropIncrease", func(c *Config) *float64 { return &c.Tokens.DropIncrease }), "connection_throttle_drop_increase"),
		as(shareKey("connectionDropDecrease", func(c *Config) *float64 { return &c.Tokens.DropDecrease }), "connection_throttle_drop_decrease"),
		as(shareKey("connectionDecreaseRatio", func(c *Config) *float64 { return &c.Tokens.DecreaseRatio }), "connection_throttle_decrease_ratio"),
		boolKey("connection_throttle_weight_enabled", func(c *Config) *bool { return &c.Tokens.Weighted }),
		intKey("connection_throttle_global_session_weight", 1, 1<<20, func(c *Config) *int { return &c.Tokens.WeightGlobal }),
		intKey("connection_throttle_local_session_weight", 1, 1<<20, func(c *Config) *int { return &c.Tokens.WeightLocal }),
		intKey("connection_throttle_renew_session_weight", 1, 1<<20, func(c *Config) *int { return &c.Tokens.WeightRenew }),
		{name: "holdfast.logLevel", set: func(c *Config, v string) error {
			switch c.LogLevel = strings.ToLower(v); c.LogLevel {
			case "debug", "info", "warn", "error":
				return nil
			}
			return bad("give debug, info, warn or error", "%q is no log level", v)
		}},
		{name: "holdfast.diskAlarmMB", set: func(c *Config, v string) error {
			n, err := number(v, " of MiB", 0, 1<<40)
			c.DiskAlarm = n << 20
			return err
		}},
	}
}

func limits() []key {
	return []key{
		boolKey("clientTcpKeepAlive", func(c *Config) *bool { return &c.TCPKeepAlive }),
		millisKey("nio.sessionlessCnxnTimeout", 1, func(c *Config) *time.Duration { return &c.HandshakeTimeout }),
		intKey("holdfast.gatherAfter", 0, highest, func(c *Config) *int { return &c.GatherAfter }),
		millisKey("znode.container.checkIntervalMs", 0, func(c *Config) *time.Duration { return &c.ContainerCheckInterval }),
		intKey("znode.container.maxPerMinute", 1, highest, func(c *Config) *int { return &c.ContainerMaxPerMinute }),
		{name: "znode.container.maxNeverUsedIntervalMs", set: func(c *Config, v string) error {
			n, err := number(v, " of milliseconds", 0, longest)
			c.ContainerMaxNeverUsed = time.Duration(n) * time.Millisecond
			return err
		}},
		{name: "largeRequestThreshold", set: func(c *Config, v string) error {
			n, err := downward(v, "", 0, highest)
			if c.LargeRequestThreshold = int(n); n <= 0 { // off, as there
				c.LargeRequestThreshold = -1
			}
			return err
		}},
		boolKey("enforceQuota", func(c *Config) *bool { return &c.EnforceQuota }),
	}
}

func storageKeys() []key {
	return []key{
		kibKey("preAllocSize", func(c *Config) *int64 { return &c.PreAllocSize }),
		kibKey("txnLogSizeLimitInKb", func(c *Config) *int64 { return &c.LogSizeLimit }),
		yesKey("forceSync", true, func(c *Config) *bool { return &c.ForceSync }),
		{name: "fsync.warningthresholdms", set: func(c *Config, v string) error {
			n, err := downward(v, " of milliseconds", 0, longest)
			c.FsyncWarnThreshold = max(time.Millisecond-1, time.Duration(max(n, 0))*time.Millisecond) // 0 and less: what takes a millisecond at all
			return err
		}},
		{name: "snapshot.compression.method", set: func(c *Config, v string) error {
			switch v = strings.ToLower(v); v {
			case "gz", "snappy", "":
				c.Compression = v
			case "none":
				c.Compression = ""
			default: // the original takes every other name for "do not compress"
				return bad("give gz, snappy or none", "%q is no compression method", v)
			}
			return nil
		}},
		boolKey("snapshot.trust.empty", func(c *Config) *bool { return &c.TrustEmpty }),
		boolKey("datadir.autocreate", func(c *Config) *bool { return &c.DirAutocreate }),
		boolKey("db.autocreate", func(c *Config) *bool { return &c.DBAutocreate }),
		boolKey("serializeLastProcessedZxid.enabled", func(c *Config) *bool { return &c.LastZxidInSnapshot }),
		boolKey("digest.enabled", func(c *Config) *bool { return &c.Digest }),
	}
}

func accessKeys() []key {
	return []key{
		yesKey("skipACL", false, func(c *Config) *bool { return &c.SkipACL }),
		boolKey("DigestAuthenticationProvider.enabled", func(c *Config) *bool { return &c.DigestAuth }),
		{name: "DigestAuthenticationProvider.superDigest", set: func(c *Config, v string) error {
			if user, hash, ok := strings.Cut(v, ":"); !ok || user == "" || hash == "" { // any user may be the superuser
				return bad("give super:<base64 of the digest of super:password>", "does not have the form super:hash")
			}
			c.SuperDigest = v
			return nil
		}},
		{name: "DigestAuthenticationProvider.digestAlg", set: func(c *Config, v string) error {
			if auth.CheckAlgorithm(v) != nil {
				return bad("give SHA1 (the default), SHA-256, SHA-512, SHA3-256 or another of Java's SHA family", "%q is not known", v)
			}
			c.DigestAlgorithm = v
			return nil
		}},
		textKey("ensembleAuthName", func(c *Config) *string { return &c.EnsembleNames }),
		as(key{name: "authProvider.", set: func(c *Config, v string) error {
			switch v[strings.LastIndexByte(v, '.')+1:] {
			case "DigestAuthenticationProvider", "IPAuthenticationProvider": // every server has them
			case "EnsembleAuthenticationProvider":
				c.EnsembleAuth = true
			case "X509AuthenticationProvider":
				c.X509Auth = true
			default:
				return bad("remove it, or stay with the original until then", "this authentication provider is not built in; SASL "+
					"comes with a later release, others cannot be added")
			}
			return nil
		}}, "authProvider"),
		boolKey("readonlymode.enabled", func(c *Config) *bool { return &c.ReadOnlyMode }),
		boolKey("extendedTypesEnabled", func(c *Config) *bool { return &c.ExtendedTypes }),
		boolKey("emulate353TTLNodes", func(c *Config) *bool { return &c.Emulate353TTL }),
	}
}

// hotAccess is asked anew each time.
func hotAccess() []key {
	return []key{
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
	}
}

// adminKey marks that the admin server was configured.
func adminKey(k key) key {
	set := k.set
	k.set = func(c *Config, v string) error {
		c.AdminExplicit = true
		return set(c, v)
	}
	return k
}

func adminKeys() []key {
	return []key{
		adminKey(key{name: "admin.enableServer", set: func(c *Config, v string) error {
			switch c.AdminEnabled = v != "false"; {
			case c.AdminEnabled && !strings.EqualFold(v, "true"):
				return bad("give true or false", "%q means true to the original, which only knows false in small letters", v)
			}
			return nil
		}}),
		adminKey(textKey("admin.serverAddress", func(c *Config) *string { return &c.AdminAddress })),
		adminKey(intKey("admin.serverPort", 0, 65535, func(c *Config) *int { return &c.AdminPort })),
		offMillisKey("admin.idleTimeout", func(c *Config) *time.Duration { return &c.AdminIdleTimeout }),
		{name: "admin.commandURL", set: func(c *Config, v string) error {
			if !strings.HasPrefix(v, "/") {
				return bad("give a path such as /commands", "%q does not begin with a slash", v)
			}
			c.AdminURL = v
			return nil
		}},
	}
}

func hotAdmin() []key {
	return []key{
		boolKey("admin.snapshot.enabled", func(c *Config) *bool { return &c.AdminSnapshot }),
		boolKey("admin.restore.enabled", func(c *Config) *bool { return &c.AdminRestore }),
		offMillisKey("admin.rateLimiterIntervalInMS", func(c *Config) *time.Duration { return &c.AdminRateLimit }),
	}
}
