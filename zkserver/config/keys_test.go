package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
)

// Every documented configuration name of the original is in exactly one class.
func TestEveryDocumentedKeyHasOneClass(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "documented-keys.txt"))
	require.NoError(t, err)
	n := map[Class]int{}
	for name := range strings.FieldsSeq(string(text)) {
		info, known := Classify(name)
		require.True(t, known, name)
		n[info.Class]++
	}
	require.Greater(t, n[Honoured], 100)
	require.Greater(t, n[Refused], 8)
	require.Greater(t, n[Meaningless], 30)
	require.Greater(t, n[Honoured]+n[Refused]+n[Meaningless], 190)

	names := map[string]bool{}
	for _, k := range allKeys() {
		for _, name := range append([]string{k.name}, k.also...) {
			require.False(t, names[name], "%s is in the table twice", name)
			names[name] = true
		}
		given := 0
		for _, is := range []bool{k.set != nil || k.metric != nil, k.refuse != nil, k.refuse == nil && k.why != ""} {
			if is {
				given++
			}
		}
		require.Equal(t, 1, given, k.name)
	}
	for _, k := range Keys() {
		require.True(t, k.Class == Honoured || k.Note != "", k.Name)
		require.NotEqual(t, "unknown", k.Class.String())
	}
}

// each is a value for every honoured key that differs from the default.
var each = map[string]string{
	"clientPort": "2182", "clientPortAddress": "127.0.0.1", "dataDir": "/d", "dataLogDir": "/l", "tickTime": "1000",
	"clientPortListenBacklog": "11", "electionAlg": "3", "minSessionTimeout": "1500", "maxSessionTimeout": "9000",
	"maxClientCnxns": "7", "autopurge.snapRetainCount": "4", "autopurge.purgeInterval": "90m", "maxCnxns": "8",
	"globalOutstandingLimit": "9", "jute.maxbuffer": "4096", "snapCount": "1000", "snapSizeLimitInKb": "-1",
	"largeRequestMaxBytes": "5000", "largeRequestThreshold": "600", "requestThrottleLimit": "12",
	"requestThrottleStallTime": "13", "requestThrottleDropStale": "false", "requestStaleLatencyCheck": "true",
	"requestStaleConnectionCheck": "false", "throttledOpWaitTime": "14", "connectionMaxTokens": "15",
	"connectionTokenFillTime": "16", "connectionTokenFillCount": "17", "connectionFreezeTime": "18",
	"connectionDropIncrease": "0.1", "connectionDropDecrease": "0.2", "connectionDecreaseRatio": "0.3",
	"connection_throttle_weight_enabled": "true", "connection_throttle_global_session_weight": "6",
	"connection_throttle_local_session_weight": "4", "connection_throttle_renew_session_weight": "5",
	"holdfast.logLevel": "WARN", "holdfast.diskAlarmMB": "3", "clientTcpKeepAlive": "true", "nio.sessionlessCnxnTimeout": "500", "holdfast.gatherAfter": "17",
	"znode.container.checkIntervalMs": "500", "znode.container.maxPerMinute": "6", "znode.container.maxNeverUsedIntervalMs": "700",
	"enforceQuota": "true", "preAllocSize": "100", "txnLogSizeLimitInKb": "300", "forceSync": "no",
	"fsync.warningthresholdms": "20", "snapshot.compression.method": "gz", "snapshot.trust.empty": "true",
	"datadir.autocreate": "false", "db.autocreate": "false", "serializeLastProcessedZxid.enabled": "false",
	"digest.enabled": "false", "skipACL": "yes", "DigestAuthenticationProvider.enabled": "false",
	"DigestAuthenticationProvider.superDigest": "super:abc=", "DigestAuthenticationProvider.digestAlg": "SHA-256",
	"ensembleAuthName": "ours, mine", "authProvider.1": "org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider",
	"enforce.auth.enabled": "true", "enforce.auth.schemes": "ensemble, ip",
	"extendedTypesEnabled": "true", "emulate353TTLNodes": "true", "4lw.commands.whitelist": "ruok, mntr", "readonlymode.enabled": "true",
	"admin.enableServer": "false", "admin.serverAddress": "0.0.0.0", "admin.serverPort": "8081", "admin.idleTimeout": "1000",
	"admin.commandURL": "/c", "admin.snapshot.enabled": "false", "admin.restore.enabled": "false",
	"admin.rateLimiterIntervalInMS": "77",
	"audit.enable":                  "true", "audit.impl.class": "org.apache.zookeeper.audit.Log4jAuditLogger",
	"log.dir": "/logs", "auditlog.file": "a.log",
	"metricsProvider.className": "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider",
	"metricsProvider.httpHost":  "127.0.0.1", "metricsProvider.httpPort": "7001", "metricsProvider.exportJvmInfo": "false",
	"myid": "2", "initLimit": "12", "syncLimit": "6", "connectToLearnerMasterLimit": "4", "localSessionsEnabled": "true",
	"localSessionsUpgradingEnabled": "true", "quorumListenOnAllIPs": "true", "observerMasterPort": "2191", "oraclePath": "/oracle", "peerType": "Participant",
	"standaloneEnabled": "false", "reconfigEnabled": "true", "leaderServes": "no", "holdfast.rejoinGrace": "250",
	"commitLogCount": "600", "maxConcurrentSnapSyncs": "3", "maxConcurrentDiffSyncs": "4", "fastleader.minNotificationInterval": "50",
	"fastleader.maxNotificationInterval": "700", "cnxTimeout": "900", "tcpKeepAlive": "true", "electionPortBindRetry": "5",
	"multiAddress.enabled": "true", "sslQuorum": "true", "portUnification": "true", "sslQuorumReloadCertFiles": "true", "fips-mode": "false",
	"pathStats.enabled": "true", "pathStats.slotCapacity": "61", "pathStats.slotDuration": "16", "pathStats.maxDepth": "7", "pathStats.sampleRate": "0.5",
	"pathStats.initialDelay": "0", "pathStats.delay": "8", "pathStats.topPathMax": "21",
	"messageTracker.Enabled": "true", "messageTracker.BufferSize": "11",
	"secureClientPort": "2281", "secureClientPortAddress": "::1", "client.portUnification": "true", "client.certReload": "true",
	"netty.server.outstandingHandshake.limit": "9", "netty.server.earlyDropSecureConnectionHandshakes": "true",
	"X509AuthenticationProvider.superUser": "CN=root", "ssl.authProvider": "x509", "ssl.sslProvider": "JDK",
	"admin.portUnification": "true", "admin.forceHttps": "true", "admin.needClientAuth": "true", "metricsProvider.httpsPort": "7002",
	"metricsProvider.ssl.need.client.auth": "false", "metricsProvider.ssl.want.client.auth": "false",
	"authProvider.2": "org.apache.zookeeper.server.auth.X509AuthenticationProvider",
}

func init() { // the same in each group of TLS keys
	for _, group := range []string{"ssl.", "ssl.quorum.", "metricsProvider.ssl."} {
		for name, value := range map[string]string{
			"keyStore.location": "/k", "keyStore.password": "kp", "keyStore.passwordPath": "/kp", "keyStore.type": "PEM",
			"trustStore.location": "/t", "trustStore.password": "tp", "trustStore.passwordPath": "/tp", "trustStore.type": "JKS",
			"protocol": "TLSv1.2", "enabledProtocols": "TLSv1.2,TLSv1.3", "ciphersuites": "A,B", "hostnameVerification": "false",
			"clientHostnameVerification": strconv.FormatBool(group == "ssl."), "allowReverseDnsLookup": "true",
			"clientAuth": "want", "handshakeDetectionTimeoutMillis": "70",
		} {
			if _, known := newTable().byName[group+name]; known {
				each[group+name] = value
			}
		}
	}
}

// wantedTLS are the settings of each in one group.
func wantedTLS(prefix string, verifyClient bool) tlsconf.Settings {
	return tlsconf.Settings{
		Prefix:     prefix,
		KeyStore:   tlsconf.Store{Path: "/k", Type: "PEM", Password: "kp", PasswordPath: "/kp"},
		TrustStore: tlsconf.Store{Path: "/t", Type: "JKS", Password: "tp", PasswordPath: "/tp"},
		Protocol:   "TLSv1.2", EnabledProtocols: []string{"TLSv1.2", "TLSv1.3"}, CipherSuites: []string{"A", "B"},
		ClientAuth: tlsconf.Want, VerifyClient: verifyClient, ReverseDNS: true,
	}
}

// two is an ensemble with which all settings mean something.
const two = "server.1=a:2888:3888\nserver.2=b:2888:3888;2182\n"

func wanted() Config {
	return Config{
		ClientPort: 2182, ClientPortAddress: "127.0.0.1", DataDir: "/d", DataLogDir: "/l", TickTime: time.Second,
		MinSessionTimeout: 1500 * time.Millisecond, MaxSessionTimeout: 9 * time.Second, MaxClientCnxns: 7, MaxCnxns: 8,
		GlobalOutstandingLimit: 9, MaxBuffer: 4096, PreAllocSize: 100 << 10, SnapCount: 1000, SnapSizeLimit: -1,
		LogSizeLimit: 300 << 10, FsyncWarnThreshold: 20 * time.Millisecond, SnapRetainCount: 4, PurgeInterval: 90 * time.Minute,
		SkipACL: true, EnsembleAuth: true, EnsembleNames: "ours, mine", SuperDigest: "super:abc=", DigestAlgorithm: "SHA-256", ExtendedTypes: true, ContainerCheckInterval: 500 * time.Millisecond,
		ContainerMaxPerMinute: 6, ContainerMaxNeverUsed: 700 * time.Millisecond, Commands: []string{"ruok", "mntr", "isro"},
		ReadOnlyMode: true, MetricsAddr: "127.0.0.1:7001", MetricsNoRuntime: true, LogLevel: "warn", Source: "zoo.cfg",
		Demand: Demand{EnforceAuth: true, EnforceAuthSchemes: []string{"ensemble", "ip"}},
		Flow: Flow{
			ListenBacklog: 11, TCPKeepAlive: true, HandshakeTimeout: 500 * time.Millisecond, GatherAfter: 17, LargeRequestThreshold: 600,
			LargeRequestMaxBytes: 5000, ThrottleLimit: 12, ThrottleStall: 13 * time.Millisecond, StaleLatencyCheck: true,
			ThrottledOpWait: 14 * time.Millisecond,
			Tokens: Tokens{
				Max: 15, FillTime: 16 * time.Millisecond, FillCount: 17, Freeze: 18 * time.Millisecond, DropIncrease: 0.1,
				DropDecrease: 0.2, DecreaseRatio: 0.3, Weighted: true, WeightGlobal: 6, WeightLocal: 4, WeightRenew: 5,
			},
		},
		Storage: Storage{Compression: "gz", TrustEmpty: true, EnforceQuota: true, Emulate353TTL: true, DiskAlarm: 3 << 20},
		Admin: Admin{
			AdminAddress: "0.0.0.0", AdminPort: 8081, AdminExplicit: true, AdminURL: "/c", AdminIdleTimeout: time.Second,
			AdminRateLimit: 77 * time.Millisecond,
		},
		Audit: Audit{
			AuditEnabled: true, AuditDir: "/logs", AuditFile: "a.log", AuditClass: "org.apache.zookeeper.audit.Log4jAuditLogger",
		},
		Diagnosis: Diagnosis{
			PathStats: PathStats{
				Enabled: true, SlotCapacity: 61, SlotDuration: 16 * time.Second, MaxDepth: 7, SampleRate: 0.5, Delay: 8 * time.Minute, TopPathMax: 21,
			},
			MessageTracker: MessageTracker{Enabled: true, BufferSize: 11},
		},
		TLS: TLS{
			SecureClientPort: 2281, SecureClientPortAddress: "::1", ClientPortUnification: true, ClientTLS: wantedTLS("ssl.", true),
			QuorumTLS: wantedTLS("ssl.quorum.", false), TLSTimeout: 70 * time.Millisecond, QuorumTLSTimeout: 70 * time.Millisecond,
			MaxHandshakes: 9, DropEarly: true, ClientCertReload: true, X509Auth: true, X509SuperUser: "CN=root",
		},
		PeerTLS: PeerTLS{SSLQuorum: true, PortUnification: true, QuorumCertReload: true, QuorumHostNames: No, QuorumClientNames: No},
		HTTPS: HTTPS{
			AdminPortUnification: true, AdminForceHTTPS: true, AdminNeedClientAuth: true, MetricsTLSAddr: "127.0.0.1:7002",
			MetricsTLS: tlsconf.Settings{
				Prefix: "metricsProvider.ssl.", NeedKey: true, KeyStore: tlsconf.Store{Path: "/k", Type: "PEM", Password: "kp"},
				TrustStore:       tlsconf.Store{Path: "/t", Type: "JKS", Password: "tp"},
				EnabledProtocols: []string{"TLSv1.2", "TLSv1.3"}, CipherSuites: []string{"A", "B"}, ClientAuth: tlsconf.None,
			},
		},
		Ensemble: Ensemble{
			MyID: 2, InitLimit: 12, SyncLimit: 6, ConnectLimit: 4, LocalSessions: true, LocalSessionsUpgrading: true, ListenOnAllIPs: true, ObserverMasterPort: 2191,
			OraclePath: "/oracle", ReconfigEnabled: true, RejoinGrace: 250 * time.Millisecond, CommitLogCount: 600, MaxSnapSyncs: 3,
			MaxDiffSyncs: 4, NotifyMin: 50 * time.Millisecond, NotifyMax: 700 * time.Millisecond, ConnectTimeout: 900 * time.Millisecond,
			QuorumKeepAlive: true, BindRetries: 5, MultiAddress: true,
			Members: Members{Servers: []Server{
				{ID: 1, Addresses: []Address{{"a", 2888, 3888}}},
				{ID: 2, Addresses: []Address{{"b", 2888, 3888}}, ClientHost: "0.0.0.0", ClientPort: 2182},
			}},
		},
	}
}

func TestEveryHonouredKeyIsRead(t *testing.T) {
	var text strings.Builder
	text.WriteString(two)
	for _, name := range slices.Sorted(maps.Keys(each)) {
		text.WriteString(name + "=" + each[name] + "\n")
	}
	cfg, warnings, problems := parse(text.String())
	require.Empty(t, problems)
	require.Empty(t, warnings)
	require.Equal(t, wanted(), cfg)
	for _, k := range Keys() {
		if _, ok := each[k.Name]; !ok && k.Class == Honoured {
			require.Contains(t, []string{"server.", "group.", "weight.", "authProvider.", "dynamicConfigFile"}, k.Name, "has no test")
		}
	}
}

// The same as system properties, under all their names; what belongs into zoo.cfg only stands there.
func TestEveryHonouredKeyAsSystemProperty(t *testing.T) {
	for _, other := range []int{-1, 0} {
		var text, flags strings.Builder
		text.WriteString(two)
		for name, value := range each {
			k, ok := newTable().find(name)
			require.True(t, ok)
			property := "zookeeper." + k.name
			switch {
			case k.fileOnly:
				text.WriteString(name + "=" + value + "\n")
				continue
			case other >= 0 && other < len(k.also):
				property = "zookeeper." + k.also[other]
			case isOurs(k.name):
				property = k.name
			}
			flags.WriteString(" -D" + property + "='" + value + "'")
		}
		props, warnings := ParseJVMFlags("JVMFLAGS", flags.String())
		require.Empty(t, warnings)
		cfg, warnings, err := Input{File: "zoo.cfg", Text: []byte(text.String()), Properties: props}.Load()
		require.NoError(t, err)
		require.Empty(t, warnings)
		require.Equal(t, wanted(), cfg)
	}
}

func TestRefusals(t *testing.T) {
	for line, want := range map[string]string{
		"secureClientPortAddress=a":                      "is given, and secureClientPort is not; add secureClientPort=2281",
		"ssl.authProvider=y":                             "no authProvider.y is given; give x509, or add authProvider.y=org.apache",
		"ssl.clientAuth=perhaps":                         `"perhaps" does not say whether clients show a certificate; give need, want or none`,
		"ssl.sslProvider=OPENSSL":                        `"OPENSSL" is a TLS library of the JVM`,
		"ssl.crl=true":                                   "whether a certificate is revoked is not asked here",
		"ssl.context.supplier.class=org.a.Mine":          "classes of Java cannot be loaded: use the keys keyStore and trustStore",
		"admin.needClientAuth=true":                      "can be demanded over HTTPS only; add admin.forceHttps=true",
		"sessionRequireClientSASLAuth=true":              "SASL comes with a later release",
		"zookeeper.superUser=me":                         "SASL comes with a later release",
		"authProvider.1=org.a.SASLAuthentic":             "this authentication provider is not built in",
		"authProvider=org.a.SASLAuthentic":               "this authentication provider is not built in",
		"enforce.auth.enabled=true":                      "is true, and enforce.auth.schemes names no scheme; add a line such as enforce.auth.schemes=digest",
		"sslQuorum=maybe":                                `"maybe" is neither true nor false`,
		"server.1=a:2888:3888;2181;2281":                 "names a secure client port",
		"server.1=a:2888:3888;99999":                     "has no usable client port",
		"observerMasterPort=65536":                       "65536 is out of range",
		"standaloneEnabled=false":                        "is false, and there are no server.N lines",
		"peerType=leader":                                `"leader" is no role; give participant or observer`,
		"myid=256":                                       "256 is no number of a server; number the servers from 1 to 255",
		"server.1=a:2888:3888;2182":                      "gives the client port 2182, and clientPort is 1",
		"snapshot.compression.method=zip":                `"zip" is no compression method; give gz, snappy or none`,
		"pathStats.slotCapacity=0":                       "0 is out of range; give a whole number from 1 to 1000",
		"pathStats.slotDuration=15s":                     `"15s" is not a whole number; give a whole number of seconds from 1 to 86400`,
		"pathStats.delay=0":                              "0 is out of range; give a whole number of minutes from 1 to 525600",
		"pathStats.sampleRate=10":                        `"10" is no share; give a number from 0 to 1`,
		"messageTracker.BufferSize=0":                    "0 is out of range; give a whole number from 1 to 10000",
		"connectionDropIncrease=2":                       `"2" is no share; give a number from 0 to 1, such as 0.02`,
		"holdfast.logLevel=loud":                         `"loud" is no log level; give debug, info, warn or error`,
		"admin.commandURL=x":                             `"x" does not begin with a slash; give a path such as /commands`,
		"dynamicConfigFile=/no/such/file":                "cannot be read",
		"autopurge.purgeInterval=99999999999d":           "is no interval",
		"requestThrottleStallTime=0":                     "0 is out of range",
		"IPAuthenticationProvider.usexforwardedfor=true": "comes with a later release",
	} {
		_, _, problems := parse("dataDir=/d\nclientPort=1\n" + line)
		require.Contains(t, problems, "zoo.cfg:3: "+line[:strings.IndexByte(line, '=')]+": ", line)
		require.Contains(t, problems, want, line)
	}
	for _, line := range []string{
		"reconfigEnabled=true", "myid=3", "audit.enable=no", "audit.enable=true\naudit.impl.class=org.apache.zookeeper.audit.Slf4jAuditLogger",
		"audit.impl.class=org.example.Mine", "log.dir=/logs", "admin.forceHttps=false",
		"DigestAuthenticationProvider.superDigest=admin:abc=",
		"authProvider.1=org.apache.zookeeper.server.auth.DigestAuthenticationProvider",
	} {
		_, warnings, problems := parse("dataDir=/d\nclientPort=1\n" + line)
		require.Empty(t, problems, line)
		require.Empty(t, warnings, line)
	}
}

func TestSecurePort(t *testing.T) {
	stores := "dataDir=/d\nssl.keyStore.location=/k.pem\nssl.trustStore.location=/t.pem\n"
	cfg, warnings, problems := parse(stores + "secureClientPort=2281\nsecureClientPortAddress=::1")
	require.Empty(t, problems)
	require.Empty(t, warnings)
	require.False(t, cfg.HasPlainPort())
	require.Equal(t, "[::1]:2281", cfg.SecureClientAddr())
	require.True(t, cfg.X509())
	cfg, _, problems = parse(stores + "initLimit=5\nsyncLimit=2\nmyid=1\nserver.1=a:2888:3888\nserver.2=b:2888:3888\nsecureClientPort=2281")
	require.Empty(t, problems, "nor does a member of an ensemble need a plain port")
	require.False(t, cfg.HasPlainPort())
	for text, want := range map[string]string{
		"dataDir=/d\nsecureClientPort=2281\nssl.clientAuth=none":      "ssl.keyStore.location: is not given, and a port that speaks TLS needs a certificate",
		"dataDir=/d\nsecureClientPort=2281\nssl.keyStore.location=/k": "ssl.trustStore.location: is not given, and so no client's certificate could be accepted",
		stores + "clientPort=1\nsecureClientPort=1":                   "zoo.cfg:5: secureClientPort: is the clientPort, too",
		stores + "clientPort=1\nadmin.forceHttps=true":                "ssl.quorum.keyStore.location: is not given, and HTTPS needs a certificate",
		stores + "clientPort=1\nmetricsProvider.className=PrometheusMetricsProvider\nmetricsProvider.httpsPort=1\nmetricsProvider.ssl.keyStore.location=/k": "metricsProvider.ssl.trustStore.location: is not given, and a certificate is demanded of callers",
	} {
		_, _, problems := parse(text)
		require.Contains(t, problems, want)
	}
}

// What the keys about TLS between servers amount to together.
func TestTLSBetweenServers(t *testing.T) {
	with := func(text string) (Config, string, string) {
		cfg, warnings, problems := parse("dataDir=/d\nclientPort=1\ninitLimit=5\nsyncLimit=2\nstandaloneEnabled=false\nserver.1=a:2888:3888\nmyid=1\n" + text)
		return cfg, fmt.Sprint(warnings), fmt.Sprint(problems)
	}
	for _, port := range []string{"sslQuorum", "portUnification"} {
		_, _, problems := with(port + "=true")
		require.Contains(t, problems, "ssl.quorum.keyStore.location: is not given, and ports that speak TLS (sslQuorum, portUnification) need a certificate")
		require.Contains(t, problems, "ssl.quorum.trustStore.location: is not given")
		cfg, warnings, problems := with(port + "=true\nssl.quorum.keyStore.location=/k.jks\nssl.quorum.trustStore.location=/t.jks")
		require.NotContains(t, problems+warnings, "ssl.quorum")
		require.True(t, cfg.PeersSpeakTLS())
	}
	_, warnings, _ := with("ssl.quorum.keyStore.location=/k.jks")
	require.Contains(t, warnings, "zoo.cfg:8: ssl.quorum.keyStore.location: accepted, but no port speaks TLS with the keys ssl.quorum.*")

	for text, want := range map[string][2]bool{ // of servers, of clients
		"":                                     {false, false}, // as in the original, whose fips-mode is true
		"fips-mode=true":                       {false, false},
		"fips-mode=false":                      {true, true},
		"ssl.quorum.hostnameVerification=true": {true, true},
		"fips-mode=false\nssl.quorum.clientHostnameVerification=false":                                    {true, false},
		"ssl.quorum.clientHostnameVerification=true":                                                      {false, true},
		"ssl.quorum.hostnameVerification=false\nssl.quorum.clientHostnameVerification=true\nfips-mode=no": {false, false}, // as documented
	} {
		cfg, _, _ := with(text)
		server, client := cfg.QuorumNames()
		require.Equal(t, want, [2]bool{server, client}, text)
	}
}

// What the original takes for the standard, because it knows yes and no only, is not read as the contrary here; and yes is not
// true where it knows true only.
func TestYesAndTrueMeanWhatTheOriginalTakesThemFor(t *testing.T) {
	for line, want := range map[string]string{
		"skipACL=true":             `"true" means no to the original, which knows yes and no only; give yes or no`,
		"skipACL=Yes":              `"Yes" means no to the original, which knows yes and no only; give yes or no`,
		"forceSync=false":          `"false" means yes to the original, which knows yes and no only; give no or yes`,
		"leaderServes=false":       `"false" means yes to the original, which knows yes and no only; give no or yes`,
		"enforceQuota=yes":         `"yes" is neither true nor false; give true or false`,
		"admin.enableServer=no":    `"no" means true to the original, which only knows false in small letters; give true or false`,
		"admin.enableServer=False": `"False" means true to the original, which only knows false in small letters; give true or false`,
	} {
		_, _, problems := parse("dataDir=/d\nclientPort=1\n" + line)
		require.Equal(t, "zoo.cfg:3: "+line[:strings.IndexByte(line, '=')]+": "+want, problems)
	}
	for line, want := range map[string][3]bool{ // SkipACL, ForceSync, LeaderServes
		"skipACL=yes": {true, true, true}, "skipACL=no": {false, true, true}, "skipACL=false": {false, true, true},
		"forceSync=no": {false, false, true}, "forceSync=yes": {false, true, true}, "forceSync=true": {false, true, true},
		"leaderServes=no": {false, true, false}, "leaderServes=true": {false, true, true},
	} {
		cfg, _, problems := parse("dataDir=/d\nclientPort=1\n" + line)
		require.Empty(t, problems)
		require.Equal(t, want, [3]bool{cfg.SkipACL, cfg.ForceSync, cfg.LeaderServes}, line)
	}
}

// Numbers in hexadecimal are what the original's documentation itself writes for jute.maxbuffer.
func TestNumbersInHexadecimal(t *testing.T) {
	for _, v := range []string{"0x400000", "0X400000", "#400000", "4194304"} {
		cfg, _, err := Input{
			File: "zoo.cfg", Text: []byte("dataDir=/d\nclientPort=1\n"), Properties: []Setting{{"JVMFLAGS", "jute.maxbuffer", v}},
		}.Load()
		require.NoError(t, err)
		require.Equal(t, 4<<20, cfg.MaxBuffer, v)
	}
}

func TestAdminServerIsOffOnlyForFalse(t *testing.T) {
	for v, want := range map[string]bool{"false": false, "true": true, "TRUE": true} {
		cfg, _, problems := parse("dataDir=/d\nclientPort=1\nadmin.enableServer=" + v)
		require.Empty(t, problems)
		require.Equal(t, want, cfg.AdminEnabled, v)
	}
}

// The original reads ISO 8859-1: with such a name it has its data somewhere else.
func TestDirectoryWithLettersBeyondASCII(t *testing.T) {
	const told = ": the original reads its letters beyond ASCII as others, and has its data in /d\u00c3\u00bc: write them as \\uXXXX, which means the same to both"
	cfg, warnings, problems := parse("clientPort=1\ndataDir=/d\u00fc\ndataLogDir = /d\u00fc \n")
	require.Empty(t, problems)
	require.Equal(t, "zoo.cfg:2: dataDir"+told+"\nzoo.cfg:3: dataLogDir"+told, warnings)
	require.Equal(t, "/d\u00fc", cfg.DataDir)
	cfg, warnings, problems = parse("clientPort=1\n# \u00fc\ndataDir=/d\\u00fc\n")
	require.Empty(t, warnings+problems)
	require.Equal(t, "/d\u00fc", cfg.DataDir)
}

func TestCompressionHasThreeNames(t *testing.T) {
	for v, want := range map[string]string{"gz": "gz", "GZ": "gz", "Snappy": "snappy", "none": "", "": ""} {
		cfg, _, problems := parse("dataDir=/d\nclientPort=1\nsnapshot.compression.method=" + v)
		require.Empty(t, problems)
		require.Equal(t, want, cfg.Compression, v)
	}
}

// Settings that older releases knew, and those of clients that stand in the JVMFLAGS of a whole machine, do not keep a server from starting.
func TestKeysOfOlderReleasesAndOfClientsAreKnown(t *testing.T) {
	for _, name := range []string{
		"root.logger", "leader.maxConcurrentSnapshots", "ipReachableTimeout", "jaasLoginRenew", "shuffleDnsResponse",
		"hostProvider.dnsSrvRefreshIntervalSeconds", "sasl.client.allowReverseDnsLookup",
	} {
		info, known := Classify("zookeeper." + name)
		require.True(t, known, name)
		require.Equal(t, Meaningless, info.Class)
	}
}

// JVMFLAGS are for servers and clients alike: what is for clients does not keep a server from starting. In zoo.cfg, where such a name
// can only be misspelt, it is unknown.
func TestPropertiesOfClientsMeanNothing(t *testing.T) {
	const flags = "-Dzookeeper.client.secure=true -Dzookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty -Dzookeeper.sasl.client=false " +
		"-Dzookeeper.sasl.clientconfig=Client -Dzookeeper.sasl.client.username=zk -Dzookeeper.sasl.client.canonicalize.hostname=false " +
		"-Dzookeeper.sasl.client.allowReverseDnsLookup=false -Dzookeeper.request.timeout=5000 -Dzookeeper.disableAutoWatchReset=true " +
		"-Dzookeeper.client.anything=1 -Dzookeeper.shuffleDnsResponse=true -Dzookeeper.hostProvider.dnsSrvRefreshIntervalSeconds=5"
	props, _ := ParseJVMFlags("JVMFLAGS", flags)
	require.Len(t, props, 12)
	_, warnings, err := Input{File: "zoo.cfg", Text: []byte("dataDir=/d\nclientPort=1\n"), Properties: props}.Load()
	require.NoError(t, err)
	require.Len(t, warnings, len(props))
	for i, w := range warnings {
		require.Equal(t, "JVMFLAGS: -D"+props[i].Name+": accepted, has no meaning here: it is a setting of clients", w.String())
	}
	info, known := Classify("zookeeper.client.portUnification")
	require.True(t, known)
	require.NotEqual(t, noClient, info.Note, "it is the server's")
	_, _, problems := parse("dataDir=/d\nclientPort=1\nclient.portUnificaton=true\nsasl.client.name=x")
	require.Equal(t, "zoo.cfg:3: client.portUnificaton: unknown key; did you mean client.portUnification?\n"+
		"zoo.cfg:4: sasl.client.name: unknown key; did you mean sasl.client.username?", problems)
}

func TestAuditLog(t *testing.T) {
	_, _, problems := parse("dataDir=/d\nclientPort=1\naudit.enable=true\nzookeeper.audit.impl.class=org.example.Mine")
	require.Contains(t, problems, "zoo.cfg:4: audit.impl.class: org.example.Mine is not built in, and no class can be added; remove it")

	for text, want := range map[string]string{
		"":                              filepath.Join("/d", "zookeeper_audit.log"),
		"log.dir=/logs":                 filepath.Join("/logs", "zookeeper_audit.log"),
		"log.dir=/l\nauditlog.file=a/b": filepath.Join("/l", "a", "b"),
	} {
		cfg, _, problems := parse("dataDir=/d\nclientPort=1\n" + text)
		require.Empty(t, problems)
		require.False(t, cfg.AuditEnabled, "off by default")
		require.Equal(t, want, cfg.AuditPath())
	}
	abs := filepath.Join(t.TempDir(), "audit")
	require.Equal(t, abs, (&Config{Audit: Audit{AuditDir: "/logs", AuditFile: abs}}).AuditPath())
}

// A field that no key sets is an option that an operator cannot have: with all keys set, none may have its default.
func TestEveryFieldHasAKey(t *testing.T) {
	var compare func(path string, set, unset reflect.Value)
	compare = func(path string, set, unset reflect.Value) {
		for i := range set.NumField() {
			name := path + set.Type().Field(i).Name
			switch name {
			case "SnapRetainCount": // the least there is
			case "Prefix", "NeedKey": // of tlsconf.Settings: not the operator's
			case "MetricsTLS": // it has fewer keys than the type has fields
			case "Members.Version", "Members.Groups", "Members.Weights", "DynamicFile", "LastSeen": // tests of their own
			default:
				if f := set.Field(i); f.Kind() == reflect.Struct {
					inner := name + "."
					if name != "Members" && name != "Tokens" {
						inner = ""
					}
					compare(inner, f, unset.Field(i))
					continue
				}
				require.NotEqual(t, unset.Field(i).Interface(), set.Field(i).Interface(), name)
			}
		}
	}
	least, _, problems := parse("clientPort=1\ndataDir=/base\n")
	require.Empty(t, problems)
	least.Source = ""
	compare("", reflect.ValueOf(wanted()), reflect.ValueOf(least))
}
