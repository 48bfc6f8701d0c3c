package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sample is the original's zoo_sample.cfg without its comments.
const sample = "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=/tmp/zookeeper\nclientPort=2181\n"

func parse(text string) (Config, string, string) {
	cfg, warnings, err := Parse("zoo.cfg", []byte(text))
	problems := ""
	if err != nil {
		problems = err.Error()
	}
	w := ""
	if len(warnings) > 0 {
		w = warnings.Error()
	}
	return cfg, w, problems
}

func TestSampleOfTheOriginal(t *testing.T) {
	cfg, warnings, problems := parse(sample)
	require.Empty(t, problems)
	require.Equal(t, "zoo.cfg:2: initLimit: accepted, has no meaning for a single server\n"+
		"zoo.cfg:3: syncLimit: accepted, has no meaning for a single server", warnings)
	want := Default()
	want.TickTime, want.DataDir, want.ClientPort, want.Source = 2*time.Second, "/tmp/zookeeper", 2181, "zoo.cfg"
	want.AdminEnabled, want.InitLimit, want.SyncLimit = true, 10, 5
	require.Equal(t, want, cfg)
	require.False(t, cfg.Distributed())
	least, most := cfg.SessionTimeouts()
	require.Equal(t, 4*time.Second, least)
	require.Equal(t, 40*time.Second, most)
	require.Equal(t, ":2181", cfg.ClientAddr())
	require.Equal(t, "/tmp/zookeeper", cfg.LogDir())
}

func TestProblems(t *testing.T) {
	const good = "dataDir=/d\nclientPort=1\n"
	for name, c := range map[string]struct{ text, want string }{
		"empty": {"", "zoo.cfg: clientPort: missing; add a line such as clientPort=2181\n" +
			"zoo.cfg: dataDir: missing; add a line such as dataDir=/var/lib/zookeeper"},
		"unknown":      {good + "tickTim=5", "zoo.cfg:3: tickTim: unknown key; did you mean tickTime?"},
		"case":         {good + "datalogdir=/x", "zoo.cfg:3: datalogdir: unknown key; did you mean dataLogDir?"},
		"nothing like": {good + "blue.green.banana=5", "zoo.cfg:3: blue.green.banana: unknown key; remove the line"},
		"no number":    {good + "tickTime=2s", `zoo.cfg:3: tickTime: "2s" is not a whole number; give a whole number of milliseconds from 1 to 2147483647`},
		"port":         {"dataDir=/d\nclientPort=70000", "zoo.cfg:2: clientPort: 70000 is out of range; give a whole number from 1 to 65535"},
		"huge":         {good + "snapCount=99999999999999999999", "zoo.cfg:3: snapCount: 99999999999999999999 is out of range; give a whole number from 2 to 2147483647"},
		"boolean":      {good + "enforceQuota=maybe", `zoo.cfg:3: enforceQuota: "maybe" is neither true nor false; give true or false`},
		"hexadecimal":  {good + "jute.maxbuffer=0xg", `zoo.cfg:3: jute.maxbuffer: "0xg" is not a whole number; give a whole number from 1024 to 2147483647`},
		"huge in hex":  {good + "jute.maxbuffer=0xffffffffffffffffff", `zoo.cfg:3: jute.maxbuffer: 0xffffffffffffffffff is out of range; give a whole number from 1024 to 2147483647`},
		"no value":     {"clientPort=1\ndataDir=", "zoo.cfg:2: dataDir: is empty; give a value or remove the line"},
		"interval":     {good + "autopurge.purgeInterval=soon", `zoo.cfg:3: autopurge.purgeInterval: "soon" is no interval; give hours as a bare number, or a number with d, h, m, s or ms`},
		"word":         {good + "4lw.commands.whitelist=stats", `zoo.cfg:3: 4lw.commands.whitelist: "stats" is no four-letter word; list them like srvr,ruok,mntr or give *`},
		"provider":     {good + "metricsProvider.className=com.example.Mine", `zoo.cfg:3: metricsProvider.className: "com.example.Mine" is no known provider; give org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider or remove the line`},
		"digest":       {good + "DigestAuthenticationProvider.superDigest=secret", "zoo.cfg:3: DigestAuthenticationProvider.superDigest: does not have the form super:hash; give super:<base64 of the digest of super:password>"},
		"election":     {good + "electionAlg=1", `zoo.cfg:3: electionAlg: "1" is not supported: only algorithm 3 exists; remove the line or give 3`},
		"timeouts": {
			good + "minSessionTimeout=5000\nmaxSessionTimeout=4000",
			"zoo.cfg:3: minSessionTimeout: is 5000 ms, more than maxSessionTimeout, 4000 ms; raise maxSessionTimeout (default 20 x tickTime) or lower minSessionTimeout (default 2 x tickTime)",
		},
		"no utf-8": {"dataDir=/\xff\n", "zoo.cfg: is not UTF-8 text; save it as UTF-8"},
		"all at once": {"\n# comment\ndataDirr=/d\nclientPort=x\n", "zoo.cfg:3: dataDirr: unknown key; did you mean dataDir?\n" +
			"zoo.cfg:4: clientPort: \"x\" is not a whole number; give a whole number from 1 to 65535\n" +
			"zoo.cfg: dataDir: missing; add a line such as dataDir=/var/lib/zookeeper"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, problems := parse(c.text)
			require.Equal(t, c.want, problems)
		})
	}
}

func TestWarnings(t *testing.T) {
	for name, c := range map[string]struct{ line, want string }{
		"jvm":         {"serverCnxnFactory=x", "zoo.cfg:3: serverCnxnFactory: accepted, has no meaning here: it tunes the original's JVM, threads or network library"},
		"one server":  {"server.1=a:2888:3888", "zoo.cfg:3: server.1: accepted, has no meaning for a single server: it runs standalone"},
		"group":       {"group.1=1:2:3", "zoo.cfg:3: group.1: accepted, has no meaning for a single server"},
		"tls tuning":  {"ssl.protocol=x", "zoo.cfg:3: ssl.protocol: accepted, but no port speaks TLS with the keys ssl.*"},
		"twice":       {"dataDir=/other", "zoo.cfg:3: dataDir: given before in line 1; this line counts"},
		"ensemble":    {"ensembleAuthName=a", "zoo.cfg:3: ensembleAuthName: accepted, but clients are not compared with it: no authProvider.N names the EnsembleAuthenticationProvider"},
		"no endpoint": {"metricsProvider.httpPort=1", "zoo.cfg:3: metricsProvider.httpPort: accepted, but no endpoint is opened: metricsProvider.className does not name the PrometheusMetricsProvider"},
	} {
		t.Run(name, func(t *testing.T) {
			_, warnings, problems := parse("dataDir=/d\nclientPort=1\n" + c.line)
			require.Empty(t, problems)
			require.Equal(t, c.want, warnings)
		})
	}
}

// The rules of Java .properties files.
func TestPropertiesRules(t *testing.T) {
	cfg, _, problems := parse("\ufeff# a comment\r\n! another\r\n  dataDir : /da\\\r\n   ta\\u0041 \r\nclientPort 2181\r\nclientPortAddress=${user}\n" +
		"dataLogDir=C:\\\\logs")
	require.Empty(t, problems)
	require.Equal(t, "/dataA", cfg.DataDir)
	require.Equal(t, 2181, cfg.ClientPort)
	require.Equal(t, "${user}", cfg.ClientPortAddress, "variables are not expanded")
	require.Equal(t, `C:\logs`, cfg.DataLogDir)

	_, _, problems = parse("dataDir=/a\\\n/b\nclientPort=1\nbogus=1")
	require.Contains(t, problems, "zoo.cfg:4: bogus", "lines count as they are in the file")
}

func TestMissingFile(t *testing.T) {
	_, _, err := Load(filepath.Join(t.TempDir(), "none.cfg"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "give the path of a zoo.cfg")
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add("a\\\nb=\\u12\n:=\n=\n\\")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, _, err := Parse("zoo.cfg", []byte(text))
		if err == nil {
			require.NoError(t, cfg.Validate())
		}
	})
}
