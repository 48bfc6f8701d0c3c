package config

import (
	"reflect"
	"slices"
	"strings"
)

// Reload answers the configuration of a running server after its file was read again: c with the hot settings of next. It
// names the settings that changed, and those that are different in next but take effect only at the next start.
func (c *Config) Reload(next *Config) (merged Config, changed, waiting []string) {
	merged = *c
	take := func(name string, to, from any) {
		a, b := reflect.ValueOf(to).Elem(), reflect.ValueOf(from).Elem()
		if !reflect.DeepEqual(a.Interface(), b.Interface()) {
			a.Set(b)
			changed = append(changed, name)
		}
	}
	take("minSessionTimeout", &merged.MinSessionTimeout, &next.MinSessionTimeout)
	take("maxSessionTimeout", &merged.MaxSessionTimeout, &next.MaxSessionTimeout)
	take("maxClientCnxns", &merged.MaxClientCnxns, &next.MaxClientCnxns)
	take("maxCnxns", &merged.MaxCnxns, &next.MaxCnxns)
	take("autopurge.snapRetainCount", &merged.SnapRetainCount, &next.SnapRetainCount)
	take("autopurge.purgeInterval", &merged.PurgeInterval, &next.PurgeInterval)
	take("globalOutstandingLimit", &merged.GlobalOutstandingLimit, &next.GlobalOutstandingLimit)
	if !c.Distributed() || next.MaxBuffer < c.MaxBuffer { // the links to other servers are made for what it was at the start
		take("jute.maxbuffer", &merged.MaxBuffer, &next.MaxBuffer)
	}
	take("snapCount", &merged.SnapCount, &next.SnapCount)
	take("snapSizeLimitInKb", &merged.SnapSizeLimit, &next.SnapSizeLimit)
	take("largeRequestMaxBytes", &merged.LargeRequestMaxBytes, &next.LargeRequestMaxBytes)
	take("requestThrottleLimit", &merged.ThrottleLimit, &next.ThrottleLimit)
	take("requestThrottleStallTime", &merged.ThrottleStall, &next.ThrottleStall)
	take("requestThrottleDropStale", &merged.DropStale, &next.DropStale)
	take("requestStaleLatencyCheck", &merged.StaleLatencyCheck, &next.StaleLatencyCheck)
	take("requestStaleConnectionCheck", &merged.StaleConnectionCheck, &next.StaleConnectionCheck)
	take("throttledOpWaitTime", &merged.ThrottledOpWait, &next.ThrottledOpWait)
	take("connectionMaxTokens and its like", &merged.Tokens, &next.Tokens)
	take("4lw.commands.whitelist", &merged.Commands, &next.Commands)
	take("admin.snapshot.enabled", &merged.AdminSnapshot, &next.AdminSnapshot)
	take("admin.restore.enabled", &merged.AdminRestore, &next.AdminRestore)
	take("admin.rateLimiterIntervalInMS", &merged.AdminRateLimit, &next.AdminRateLimit)
	take("pathStats.enabled and its like", &merged.PathStats, &next.PathStats)
	take("messageTracker.Enabled or .BufferSize", &merged.MessageTracker, &next.MessageTracker)
	take("holdfast.logLevel", &merged.LogLevel, &next.LogLevel)
	take("holdfast.diskAlarmMB", &merged.DiskAlarm, &next.DiskAlarm)
	return merged, changed, cold(&merged, next)
}

// keyOf are the keys of fields that are not called like them.
var keyOf = map[string]string{
	"AdminAddress": "admin.serverAddress", "AdminEnabled": "admin.enableServer", "AdminIdleTimeout": "admin.idleTimeout",
	"AdminPort": "admin.serverPort", "AdminURL": "admin.commandURL", "AdminPortUnification": "admin.portUnification",
	"AdminForceHTTPS": "admin.forceHttps", "AdminNeedClientAuth": "admin.needClientAuth",
	"ClientPortUnification": "client.portUnification", "ClientTLS": "ssl.*", "QuorumTLS": "ssl.quorum.*", "MetricsTLS": "metricsProvider.ssl.*",
	"MetricsTLSAddr": "metricsProvider.httpsPort", "TLSTimeout": "ssl.handshakeDetectionTimeoutMillis",
	"QuorumTLSTimeout": "ssl.quorum.handshakeDetectionTimeoutMillis", "MaxHandshakes": "netty.server.outstandingHandshake.limit",
	"DropEarly": "netty.server.earlyDropSecureConnectionHandshakes", "ClientCertReload": "client.certReload",
	"X509Auth": "authProvider.N", "X509SuperUser": "X509AuthenticationProvider.superUser",
	"AuditClass": "audit.impl.class", "AuditDir": "log.dir", "AuditEnabled": "audit.enable", "AuditFile": "auditlog.file",
	"SSLQuorum": "sslQuorum", "PortUnification": "portUnification", "QuorumCertReload": "sslQuorumReloadCertFiles", "QuorumHostNames": "ssl.quorum.*", "QuorumClientNames": "ssl.quorum.*",
	"FIPSMode":    "fips-mode",
	"BindRetries": "electionPortBindRetry", "Compression": "snapshot.compression.method",
	"ConnectLimit": "connectToLearnerMasterLimit", "ConnectTimeout": "cnxTimeout",
	"ContainerCheckInterval": "znode.container.checkIntervalMs", "ContainerMaxNeverUsed": "znode.container.maxNeverUsedIntervalMs",
	"ContainerMaxPerMinute": "znode.container.maxPerMinute", "DBAutocreate": "db.autocreate", "Digest": "digest.enabled",
	"DigestAlgorithm": "DigestAuthenticationProvider.digestAlg", "DigestAuth": "DigestAuthenticationProvider.enabled",
	"DirAutocreate": "datadir.autocreate", "DynamicFile": "dynamicConfigFile", "EnsembleAuth": "authProvider.N", "EnsembleNames": "ensembleAuthName", "Emulate353TTL": "emulate353TTLNodes",
	"EnforceAuth": "enforce.auth.enabled", "EnforceAuthSchemes": "enforce.auth.schemes",
	"ExtendedTypes": "extendedTypesEnabled", "FsyncWarnThreshold": "fsync.warningthresholdms", "Groups": "group.N",
	"GatherAfter": "holdfast.gatherAfter", "HandshakeTimeout": "nio.sessionlessCnxnTimeout", "LastZxidInSnapshot": "serializeLastProcessedZxid.enabled",
	"ListenBacklog": "clientPortListenBacklog", "ListenOnAllIPs": "quorumListenOnAllIPs", "MaxBuffer": "jute.maxbuffer", "LocalSessions": "localSessionsEnabled",
	"LocalSessionsUpgrading": "localSessionsUpgradingEnabled", "LogSizeLimit": "txnLogSizeLimitInKb", "MaxDiffSyncs": "maxConcurrentDiffSyncs",
	"MaxSnapSyncs": "maxConcurrentSnapSyncs", "MetricsAddr": "metricsProvider.httpPort", "MetricsNoRuntime": "metricsProvider.exportJvmInfo",
	"MultiAddress": "multiAddress.enabled", "MyID": "myid", "NotifyMax": "fastleader.maxNotificationInterval",
	"NotifyMin": "fastleader.minNotificationInterval", "QuorumKeepAlive": "tcpKeepAlive", "ReadOnlyMode": "readonlymode.enabled",
	"RejoinGrace": "holdfast.rejoinGrace", "Servers": "server.N", "SuperDigest": "DigestAuthenticationProvider.superDigest",
	"TCPKeepAlive": "clientTcpKeepAlive", "TrustEmpty": "snapshot.trust.empty", "Weights": "weight.N",
}

// keyName is the key of a field.
func keyName(field string) string {
	if key, ok := keyOf[field]; ok {
		return key
	}
	return strings.ToLower(field[:1]) + field[1:]
}

// cold are the keys of the fields that still differ: the settings that a reload does not touch.
func cold(merged, next *Config) []string {
	var out []string
	var compare func(a, b reflect.Value)
	compare = func(a, b reflect.Value) {
		for i := range a.NumField() {
			field := a.Type().Field(i)
			switch {
			case merged.ReconfigEnabled && (field.Name == "Members" || field.Name == "DynamicFile" || field.Name == "LastSeen"):
				// the running ensemble changes these, and zoo.cfg with them
			case field.Anonymous:
				compare(a.Field(i), b.Field(i))
			case field.Name == "Source" || field.Name == "AdminExplicit": // no settings
			case !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()):
				out = append(out, keyName(field.Name))
			}
		}
	}
	compare(reflect.ValueOf(*merged), reflect.ValueOf(*next))
	slices.Sort(out)
	return slices.Compact(out)
}
