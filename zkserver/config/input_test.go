package config

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const small = "dataDir=/d\nclientPort=1\n"

func TestSystemProperties(t *testing.T) {
	for name, c := range map[string]struct {
		flags, text  string
		want         func(*Config)
		warn, refuse string
	}{
		"file counts more": {
			flags: "-Dzookeeper.snapCount=50", text: "snapCount=60", want: func(c *Config) { c.SnapCount = 60 },
			warn: "zoo.cfg:3: snapCount: given in JVMFLAGS, too; what stands here counts",
		},
		"by another name": {
			flags: "-Dzookeeper.connection_throttle_tokens=5", text: "connectionMaxTokens=6", want: func(c *Config) { c.Tokens.Max = 6 },
			warn: "zoo.cfg:3: connectionMaxTokens: given in JVMFLAGS, too; what stands here counts",
		},
		"jute":      {flags: "-Djute.maxbuffer=4096", want: func(c *Config) { c.MaxBuffer = 4096 }},
		"container": {flags: "-Dznode.container.maxPerMinute=5", want: func(c *Config) { c.ContainerMaxPerMinute = 5 }},
		"read only": {flags: "-Dreadonlymode.enabled=true", want: func(c *Config) { c.ReadOnlyMode, c.Commands = true, []string{"isro"} }},
		"quotes":    {flags: `-Xmx1g "-Dzookeeper.skipACL=yes"`, want: func(c *Config) { c.SkipACL = true }},
		"file only": {
			flags: "-Dzookeeper.tickTime=5",
			warn:  "JVMFLAGS: -Dzookeeper.tickTime: does nothing as a system property, as with the original: it belongs into zoo.cfg",
		},
		"without the prefix": {
			flags: "-DskipACL=yes",
			warn:  "JVMFLAGS: -DskipACL: is no system property of ZooKeeper and does nothing, as with the original: give -Dzookeeper.skipACL",
		},
		"of the jvm": {flags: "-Djava.net.preferIPv4Stack=true", warn: "JVMFLAGS: -Djava.net.preferIPv4Stack: accepted, has no meaning here: there is no JVM"},
		"client":     {flags: "-Dzookeeper.clientCnxnSocket=x", warn: "JVMFLAGS: -Dzookeeper.clientCnxnSocket: accepted, has no meaning here: it is a setting of clients"},
		"unknown":    {flags: "-Dzookeeper.snapCuont=5", refuse: "JVMFLAGS: -Dzookeeper.snapCuont: unknown key; did you mean -Dzookeeper.snapCount?"},
		"bad":        {flags: "-Dzookeeper.snapCount=x", refuse: `JVMFLAGS: -Dzookeeper.snapCount: "x" is not a whole number; give a whole number from 2 to 2147483647`},
		"sasl": {
			flags:  "-Djava.security.auth.login.config=/etc/jaas.conf",
			refuse: "JVMFLAGS: -Djava.security.auth.login.config: SASL comes with a later release; remove it, or stay with the original until then",
		},
	} {
		t.Run(name, func(t *testing.T) {
			props, _ := ParseJVMFlags("JVMFLAGS", c.flags)
			cfg, warnings, err := Input{File: "zoo.cfg", Text: []byte(small + c.text), Properties: props}.Load()
			if c.refuse != "" {
				require.EqualError(t, err, c.refuse)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.warn, warnings.Error())
			want, _, _ := parse(small)
			if c.want != nil {
				c.want(&want)
			}
			require.Equal(t, want, cfg)
		})
	}
}

func TestJVMFlags(t *testing.T) {
	props, warnings := ParseJVMFlags("SERVER_JVMFLAGS", "-Xmx1000m -cp /a:/b -XX:+UseG1GC -Dzookeeper.snapCount=5 -Dempty -D")
	require.Equal(t, []Setting{{"SERVER_JVMFLAGS", "zookeeper.snapCount", "5"}, {"SERVER_JVMFLAGS", "empty", ""}}, props)
	require.Equal(t, "SERVER_JVMFLAGS: -Xmx1000m: accepted, has no meaning here: there is no JVM\n"+
		"SERVER_JVMFLAGS: -cp: accepted, has no meaning here: there is no JVM\n"+
		"SERVER_JVMFLAGS: -XX:+UseG1GC: accepted, has no meaning here: there is no JVM\n"+
		"SERVER_JVMFLAGS: -D: accepted, has no meaning here: there is no JVM", warnings.Error())
	require.Equal(t, Setting{"-D", "a", "b=c"}, ParseProperty("-D", "a=b=c"))
}

func TestEnvironment(t *testing.T) {
	_, _, ok := FromEnvironment([]string{"PATH=/bin", "ZOO_LOG_DIR=/logs", "ZOO_PORT=tcp://10.0.0.1:2181", "ZOO_SERVICE_HOST=10.0.0.1"})
	require.False(t, ok, "nothing that configures a server")

	// What the official image sets, and a user may add.
	settings, warnings, ok := FromEnvironment([]string{
		"ZOO_CONF_DIR=/conf", "ZOO_DATA_DIR=/data", "ZOO_DATA_LOG_DIR=/datalog", "ZOO_LOG_DIR=/logs", "ZOO_TICK_TIME=1500",
		"ZOO_INIT_LIMIT=5", "ZOO_SYNC_LIMIT=2", "ZOO_AUTOPURGE_PURGEINTERVAL=0", "ZOO_AUTOPURGE_SNAPRETAINCOUNT=4",
		"ZOO_MAX_CLIENT_CNXNS=61", "ZOO_STANDALONE_ENABLED=true", "ZOO_ADMINSERVER_ENABLED=false", "ZOO_4LW_COMMANDS_WHITELIST=srvr, ruok",
		"ZOO_CFG_EXTRA=snapCount=500 metricsProvider.httpPort=7070", "ZOO_MYID=1", "ZOO_LOG4J_PROP=WARN,CONSOLE",
	})
	require.True(t, ok)
	require.Equal(t, "environment: ZOO_MYID: is no variable of the official image and does nothing", warnings.Error())
	cfg, _, err := Input{Environment: settings}.Load()
	require.NoError(t, err)
	want := Default()
	want.DataDir, want.DataLogDir, want.TickTime, want.PurgeInterval, want.SnapRetainCount = "/data", "/datalog", 1500*time.Millisecond, 0, 4
	want.MaxClientCnxns, want.AdminExplicit, want.Commands, want.SnapCount = 61, true, []string{"srvr", "ruok"}, 500
	want.InitLimit, want.SyncLimit = 5, 2
	want.ClientPort, want.Source, want.LogLevel = 2181, "the environment", "warn"
	require.Equal(t, want, cfg)

	// The least: the image's defaults, with the purge on.
	settings, _, ok = FromEnvironment([]string{"ZOO_SERVERS=server.1=0.0.0.0:2888:3888;2182"})
	require.True(t, ok)
	cfg, _, err = Input{Environment: settings}.Load()
	require.NoError(t, err)
	require.Equal(t, "/data", cfg.DataDir)
	require.Equal(t, 2182, cfg.ClientPort)
	require.Equal(t, time.Hour, cfg.PurgeInterval)

	settings, _, _ = FromEnvironment([]string{"ZOO_TICK_TIME=soon", "ZOO_SERVERS=server.1=a server.2=b:1:2;2181"})
	_, _, err = Input{Environment: settings}.Load()
	require.EqualError(t, err, "ZOO_TICK_TIME: tickTime: \"soon\" is not a whole number; give a whole number of milliseconds from 1 to 2147483647\n"+
		"ZOO_SERVERS: server.1: \"a\" does not have the form host:quorumPort:electionPort; write it like server.1=host:2888:3888;2181 or server.1=host:2888:3888:observer;2181")
}

func TestClientPortOfTheServerLine(t *testing.T) {
	for line, want := range map[string]string{
		"server.1=localhost:2888:3888;2181":                    ":2181",
		"server.1=localhost:2888:3888:participant;10.0.0.1:77": "10.0.0.1:77",
		"server.1=localhost:2888:3888;0.0.0.0:78":              ":78",
		"server.1=localhost:2888:3888;[fe80::1]:79":            "[fe80::1]:79",
		"server.1=a:1:2|b:1:2;80\nclientPort=80":               ":80",
	} {
		cfg, _, problems := parse("dataDir=/d\n" + line)
		require.Empty(t, problems, line)
		require.Equal(t, want, cfg.ClientAddr(), line)
	}
}

func TestDynamicConfigFile(t *testing.T) {
	load := func(text string) (Config, error) {
		cfg, _, err := Input{
			File: "zoo.cfg", Text: []byte("dataDir=/d\ndynamicConfigFile=/x.dynamic\n"),
			ReadFile: func(name string) ([]byte, error) {
				if name != "/x.dynamic" {
					return nil, os.ErrNotExist
				}
				return []byte(text), nil
			},
		}.Load()
		return cfg, err
	}
	cfg, err := load("server.1=a:1:2;2183\nversion=100000000")
	require.NoError(t, err)
	require.Equal(t, 2183, cfg.ClientPort)
	require.Equal(t, int64(0x100000000), cfg.Version)
	require.Equal(t, "/x.dynamic", cfg.DynamicFile)
	_, err = load("server.1=a:1:2;2183\ntickTime=5\nversion=g")
	require.EqualError(t, err, "/x.dynamic:2: tickTime: does not belong into a dynamic configuration file; only server.N, group.N and weight.N may stand here\n"+
		`/x.dynamic:3: version: "g" is no hexadecimal number; remove the line`)
}

// What stands twice is told with where it stood: a variable has no lines.
func TestSettingsGivenTwiceInTheEnvironment(t *testing.T) {
	settings, _, _ := FromEnvironment([]string{"ZOO_TICK_TIME=1000", "ZOO_CFG_EXTRA=tickTime=500"})
	cfg, notes, err := Input{Environment: settings, ReadFile: os.ReadFile}.Load()
	require.NoError(t, err)
	require.Equal(t, 500*time.Millisecond, cfg.TickTime)
	require.Contains(t, fmt.Sprint(notes), "ZOO_CFG_EXTRA: tickTime: given before, in ZOO_TICK_TIME; this counts")
}

// The membership is kept beside zoo.cfg, so there must be one: told before the start, not when the first change comes.
func TestMembershipOfTheEnvironmentCannotChange(t *testing.T) {
	variables := []string{"ZOO_SERVERS=server.1=a:1:2;2181 server.2=b:1:2;2181 server.3=c:1:2;2181", "ZOO_CFG_EXTRA=initLimit=5 syncLimit=2 myid=1"}
	settings, _, _ := FromEnvironment(variables)
	_, _, err := Input{Environment: settings}.Load()
	require.NoError(t, err)
	settings, _, _ = FromEnvironment([]string{variables[0], variables[1] + " reconfigEnabled=true"})
	_, _, err = Input{Environment: settings}.Load()
	require.EqualError(t, err, "ZOO_CFG_EXTRA: reconfigEnabled: needs a zoo.cfg: beside it the server keeps who is in the ensemble; "+
		"write the settings into a zoo.cfg in place of the variables, or remove it")
	_, _, err = Input{File: "zoo.cfg", Text: []byte(Text(settings))}.Load()
	require.NoError(t, err)
}

// Text can be read again, whatever stands in the values.
func TestSettingsAsText(t *testing.T) {
	settings, _, _ := FromEnvironment([]string{`ZOO_DATA_DIR=C:\zoo\`, "ZOO_DATA_LOG_DIR=/a\nb", "ZOO_CFG_EXTRA=DigestAuthenticationProvider.superDigest=super:x="})
	text := Text(settings)
	require.Equal(t, "dataDir=C:\\\\zoo\\\\\ndataLogDir=/a\\nb\ntickTime=2000\nmaxClientCnxns=60\nclientPort=2181\n"+
		"DigestAuthenticationProvider.superDigest=super:x=\n", text)
	want, _, err := Input{Environment: settings}.Load()
	require.NoError(t, err)
	got, _, err := Input{File: "the environment", Text: []byte(text)}.Load()
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func FuzzInput(f *testing.F) {
	f.Add(sample, "-Xmx1g '-Dzookeeper.snapCount=7'", "ZOO_TICK_TIME=1\nZOO_CFG_EXTRA=a=b")
	f.Add("dynamicConfigFile=a\nserver.1=x;[::1]:2;3", `-D"a\`, "ZOO_SERVERS=server.1=;")
	f.Fuzz(func(t *testing.T, text, flags, variable string) {
		props, _ := ParseJVMFlags("JVMFLAGS", flags)
		read := func(string) ([]byte, error) { return []byte(text), nil }
		in := Input{File: "zoo.cfg", Text: []byte(text), Properties: props, ReadFile: read}
		if cfg, _, err := in.Load(); err == nil {
			require.NoError(t, cfg.Validate())
		}
		settings, _, _ := FromEnvironment([]string{variable})
		if cfg, _, err := (Input{Environment: settings, ReadFile: read}).Load(); err == nil {
			require.NoError(t, cfg.Validate())
		}
	})
}
