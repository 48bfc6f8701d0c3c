package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the table of keys calls hot is what a reload changes, and nothing else.
func TestReloadChangesTheHotKeysOnly(t *testing.T) {
	for name, value := range each {
		if name == "electionAlg" || name == "autopurge.snapRetainCount" || name == "peerType" {
			value = "" // the only value there is, or the default
		}
		base := "clientPort=1\ndataDir=/base\nmetricsProvider.className=PrometheusMetricsProvider\n"
		now, _, problems := parse(base)
		require.Empty(t, problems)
		line := name + "=" + value
		if name == "autopurge.snapRetainCount" {
			line = name + "=5"
		}
		next, _, _ := parse(base + line)
		merged, changed, waiting := now.Reload(&next)
		k, _ := newTable().find(name)
		switch {
		case value == "" && name != "autopurge.snapRetainCount":
		case name == "metricsProvider.className":
		case name == "readonlymode.enabled": // it brings the word isro with it
			require.Equal(t, []string{"4lw.commands.whitelist"}, changed)
			require.Equal(t, []string{"readonlymode.enabled"}, waiting)
		case k.hot:
			require.Len(t, changed, 1, name)
			require.Empty(t, waiting, name)
			require.Equal(t, next, merged, name)
		default:
			require.Empty(t, changed, name)
			told := k.name
			switch {
			case name == "metricsProvider.httpHost":
				told = "metricsProvider.httpPort" // one setting of both
			case k.name == "authProvider.":
				told = "authProvider.N"
			case strings.HasSuffix(name, "andshakeDetectionTimeoutMillis"):
			case strings.HasPrefix(name, "ssl.quorum."):
				told = "ssl.quorum.*"
			case strings.HasPrefix(name, "ssl."):
				told = "ssl.*"
			case strings.HasPrefix(name, "metricsProvider.ssl."):
				told = "metricsProvider.ssl.*"
			}
			if name == "metricsProvider.httpsPort" { // without httpPort it is HTTPS alone
				require.Equal(t, []string{"metricsProvider.httpPort", name}, waiting)
				continue
			}
			if slices.Contains([]string{"ssl.authProvider", "ssl.sslProvider", "metricsProvider.ssl.want.client.auth"}, name) { // they change nothing alone
				require.Empty(t, waiting, name)
				continue
			}
			require.Equal(t, []string{told}, waiting, "what waits is told by the names of zoo.cfg")
			require.Equal(t, now, merged, name)
		}
	}
}

func TestSecurity(t *testing.T) {
	quiet, _, _ := parse("dataDir=/d\nclientPort=1\nclientPortAddress=127.0.0.1")
	require.Empty(t, quiet.Security())
	for line, want := range map[string]string{
		"clientPortAddress=0.0.0.0":                           "the client port can be reached from other machines, without TLS",
		"skipACL=yes":                                         "skipACL=yes: every client may read and change everything",
		"4lw.commands.whitelist=*":                            "4lw.commands.whitelist=*",
		"4lw.commands.whitelist=wchp":                         "4lw.commands.whitelist allows wchp",
		"DigestAuthenticationProvider.superDigest=super:x":    "there is a superuser",
		"admin.serverAddress=0.0.0.0":                         "the admin server can be reached from other machines",
		"metricsProvider.className=PrometheusMetricsProvider": "the metrics can be read from other machines",
		"forceSync=no":                                        "forceSync=no: a power failure loses writes",
		"authProvider.1=org.a.X509AuthenticationProvider\nX509AuthenticationProvider.superUser=CN=a": "there is a superuser (X509",
		"client.portUnification=true\nssl.keyStore.location=/k.pem\nssl.clientAuth=none":             "ssl.clientAuth=none: clients on the port with TLS",
		"autopurge.purgeInterval=0": "old snapshots and logs stay",
		"maxClientCnxns=0":          "neither maxClientCnxns nor maxCnxns",
	} {
		cfg, _, problems := parse("dataDir=/d\nclientPort=1\nclientPortAddress=localhost\n" + line)
		require.Empty(t, problems)
		require.Len(t, cfg.Security(), 1, line)
		require.Contains(t, cfg.Security()[0], want)
	}
}

// The membership of an ensemble changes by reconfiguration, which rewrites zoo.cfg: a reload has nothing to say about it.
func TestReloadLeavesTheMembershipAlone(t *testing.T) {
	id := map[string]string{"/d/myid": "1"}
	for setting, want := range map[string][]string{"true": nil, "false": {"server.N"}} {
		text := three + "reconfigEnabled=" + setting + "\n"
		now, _, problems := loadWith(text, id)
		require.Empty(t, problems)
		next, _, problems := loadWith(text+"server.4=d:1:2\n", id)
		require.Empty(t, problems)
		_, changed, waiting := now.Reload(&next)
		require.Empty(t, changed)
		require.Equal(t, want, waiting)
	}
}

// A longer packet than the links between servers were made for would break them again and again.
func TestAnEnsembleTakesALargerBufferAtItsRestartOnly(t *testing.T) {
	id := map[string]string{"/d/myid": "1"}
	load := func(text string) Config {
		c, _, problems := loadWith(text, id)
		require.Empty(t, problems)
		return c
	}
	now, larger, smaller := load(three), load(three+"jute.maxbuffer=4194304\n"), load(three+"jute.maxbuffer=65536\n")
	merged, changed, waiting := now.Reload(&larger)
	require.Empty(t, changed)
	require.Equal(t, []string{"jute.maxbuffer"}, waiting)
	require.Equal(t, now.MaxBuffer, merged.MaxBuffer)
	merged, changed, waiting = now.Reload(&smaller)
	require.Equal(t, []string{"jute.maxbuffer"}, changed)
	require.Empty(t, waiting)
	require.Equal(t, 65536, merged.MaxBuffer)
}
