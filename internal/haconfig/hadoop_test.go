package haconfig

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/fencing"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
)

// cluster is a usual pair in Hadoop's files.
func cluster() []string {
	return []string{
		"fs.defaultFS=hdfs://ns1", "ha.zookeeper.quorum=zk1:2181,zk2:2181", "dfs.nameservices=ns1", "dfs.ha.namenodes.ns1=nn1,nn2",
		"dfs.namenode.rpc-address.ns1.nn1=h1:8020", "dfs.namenode.rpc-address.ns1.nn2=h2:9000",
		"dfs.ha.automatic-failover.enabled=true", "dfs.ha.fencing.methods=shell(/bin/true)", "dfs.ha.namenode.id=nn1",
	}
}

// siteDir writes the properties, one a line from line 2 on, into hdfs-site.xml.
func siteDir(t *testing.T, props ...string) string {
	t.Helper()
	dir := t.TempDir()
	b := strings.Builder{}
	b.WriteString("<configuration>\n")
	for _, p := range props {
		k, v, _ := strings.Cut(p, "=")
		b.WriteString("<property><name>" + k + "</name><value>" + v + "</value></property>\n")
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hdfs-site.xml"), []byte(b.String()+"</configuration>\n"), 0o600))
	return dir
}

func hadoop(t *testing.T, props []string, set ...string) (*Config, error) {
	t.Helper()
	return Load(Options{Files: []string{siteDir(t, props...)}, Set: set})
}

func mustHadoop(t *testing.T, props []string, set ...string) *Config {
	t.Helper()
	cfg, err := hadoop(t, props, set...)
	require.NoError(t, err)
	ns, n, err := cfg.LocalNode()
	require.NoError(t, err)
	require.Empty(t, cfg.ForNode(ns, n))
	return cfg
}

func TestHadoopsFilesGiveTheSameConfig(t *testing.T) {
	cfg := mustHadoop(t, cluster())
	require.Equal(t, []string{"zk1:2181", "zk2:2181"}, cfg.Zookeeper.Quorum)
	require.Equal(t, 10*time.Second, cfg.Zookeeper.SessionTimeout)
	require.Equal(t, "/hadoop-ha", cfg.Zookeeper.ParentZnode)
	require.Equal(t, Health{Interval: time.Second, Deadline: 45 * time.Second, Retry: 100 * time.Millisecond}, cfg.Health)
	require.Equal(t, Failover{
		GracefulFenceDeadline: 5 * time.Second, ProbeDeadline: 300 * time.Millisecond, NewActiveDeadline: time.Minute, RPCDeadline: 20 * time.Second,
	}, cfg.Failover)
	require.Equal(t, []Nameservice{{ID: "ns1", AutomaticFailover: true, Nodes: []Node{
		{ID: "nn1", Host: "h1", RPCPort: 8020, ZKFCPort: 8019}, {ID: "nn2", Host: "h2", RPCPort: 9000, ZKFCPort: 8019},
	}}}, cfg.Nameservices)
	require.Equal(t, []FencingMethod{{"shell(/bin/true)", 30 * time.Second}}, cfg.Fencing.Methods)
	require.Equal(t, target.Identity{NameserviceID: "ns1", ServiceID: "nn1", Host: "h1", Port: 8020, ZKFCPort: 8019}, cfg.Nameservices[0].Nodes[0].Identity("ns1"))
}

func TestTheMostSpecialKeyCounts(t *testing.T) {
	props := append(cluster(),
		"dfs.nameservice.id=ns1", "dfs.nameservices=ns1, plain, ns2", "dfs.ha.namenodes.ns2=a,b,c", "dfs.ha.automatic-failover.enabled.ns2=false",
		"dfs.namenode.rpc-address.ns2.a=a", "dfs.namenode.rpc-address.ns2.b=hdfs://b:1/", "dfs.namenode.servicerpc-address.ns2.b=b2:2", "dfs.namenode.rpc-address.ns2.c=[::1]:3",
		"ha.zookeeper.session-timeout.ms.ns1=4000", "ha.zookeeper.session-timeout.ms.ns1.nn2=9000", "ha.zookeeper.parent-znode.ns1.nn1=/own/",
		"ha.zookeeper.quorum.ns1=special:1/root", "dfs.ha.zkfc.port.ns1=7000", "dfs.ha.zkfc.port.ns1.nn2=7002", "dfs.namenode.lifeline.rpc-address.ns1.nn1=h1:8050",
		"dfs.namenode.rpc-bind-host=0.0.0.0", "dfs.ha.fencing.methods.ns1.nn1=&#10; # first\n shell(a) \nshell(b)", "dfs.cluster.administrators=ann,bob wheel",
		"dfs.ha.fencing.ssh.private-key-files=/k1, ~/k2", "dfs.ha.fencing.ssh.connect-timeout=3000")
	cfg := mustHadoop(t, props)
	require.Equal(t, []string{"special:1"}, cfg.Zookeeper.Quorum)
	require.Equal(t, fencing.SSH{KeyFiles: []string{"/k1", "~/k2"}, ConnectTimeout: 3 * time.Second}, cfg.FencingConfig(cfg.Nameservices[0], "nn1").SSH)
	require.Equal(t, "/root/own", cfg.Zookeeper.ParentZnode)
	require.Equal(t, 4*time.Second, cfg.Zookeeper.SessionTimeout)
	require.Equal(t, []string{"ann", "bob"}, cfg.Controller.Admins)
	require.Equal(t, []string{"wheel"}, cfg.Controller.AdminGroups)
	require.Empty(t, cfg.Note())
	require.Equal(t, []FencingMethod{{"shell(a)", 30 * time.Second}, {"shell(b)", 30 * time.Second}}, cfg.Fencing.Methods)
	require.Len(t, cfg.Nameservices, 2, "plain has no HA")
	nn := cfg.Nameservices[0].Nodes
	require.Equal(t, Node{ID: "nn1", Host: "h1", RPCPort: 8020, ZKFCPort: 7000, HealthAddress: "h1:8050", BindHost: "0.0.0.0"}, nn[0])
	require.Equal(t, "0.0.0.0:7000", nn[0].Bind())
	require.Equal(t, 7002, nn[1].ZKFCPort)
	other := cfg.Nameservices[1]
	require.False(t, other.AutomaticFailover)
	for i, want := range []string{"a:8020", "b2:2", ":3"} {
		require.True(t, strings.HasSuffix(other.Nodes[i].Identity("ns2").Addr(), want), other.Nodes[i].Identity("ns2").Addr())
	}
}

// An address is named as Java names it in ZooKeeper, but it is the address that is used.
func TestAddressIsNamedButDialledAsItStands(t *testing.T) {
	props := append(cluster(), "dfs.namenode.rpc-address.ns1.nn1=127.0.0.1:1", "dfs.namenode.rpc-address.ns1.nn2=192.0.2.7:2")
	cfg := mustHadoop(t, props)
	n := cfg.Nameservices[0].Nodes[0]
	require.Equal(t, hostName("127.0.0.1"), n.Host)
	require.Equal(t, []string{"127.0.0.1:1", "127.0.0.1:8019", "127.0.0.1:8019"}, []string{n.Addr(), n.ZKFCAddr(), n.Bind()})
	n = cfg.Nameservices[0].Nodes[1]
	require.Equal(t, "192.0.2.7", n.Host, "an address without a name is its own name")
	require.Equal(t, "192.0.2.7:2", n.Addr())
	require.Equal(t, "h1:8020", Node{Host: "h1", RPCPort: 8020}.Addr())
}

func TestOwnKeysAndFastTimings(t *testing.T) {
	props := append(cluster(), "holdfast.timings=fast", "ha.health-monitor.check-interval.ms=0x1F4", "holdfast.controller.httpAddress=:9000",
		"holdfast.fencing.deadline=90s", "holdfast.failover.probeDeadline=200", "holdfast.log.level=debug")
	t.Setenv("HOLDFAST_LOG_LEVEL", "warn")
	cfg := mustHadoop(t, props, "holdfast.health.deadline=700ms", "ha.zookeeper.quorum=other:1")
	require.Equal(t, Health{Interval: 500 * time.Millisecond, Deadline: 700 * time.Millisecond, Retry: 100 * time.Millisecond}, cfg.Health)
	require.Equal(t, 2*time.Second, cfg.Zookeeper.SessionTimeout)
	require.Equal(t, 300*time.Millisecond, cfg.Failover.GracefulFenceDeadline)
	require.Equal(t, 200*time.Millisecond, cfg.Failover.ProbeDeadline)
	require.Equal(t, ":9000", cfg.Controller.HTTPAddress)
	require.Equal(t, 90*time.Second, cfg.Fencing.Deadline)
	require.Equal(t, "warn", cfg.Log.Level)
	require.Equal(t, []string{"other:1"}, cfg.Zookeeper.Quorum)

	cfg = mustHadoop(t, props, "holdfast.log.level=error", "holdfast.zookeeper.quorum=ours:1")
	require.Equal(t, "error", cfg.Log.Level, "the command line wins over the environment")
	require.Equal(t, []string{"ours:1"}, cfg.Zookeeper.Quorum)
}

func TestNamedFlagsMeanHadoopsKeys(t *testing.T) {
	cfg, err := Load(Options{Files: []string{siteDir(t, cluster()...)}, Named: []string{"node=nn2", "events.file=/e"}})
	require.NoError(t, err)
	require.Equal(t, "nn2", cfg.Node)
	require.Equal(t, "/e", cfg.Events.File)
}

// Each problem names the key, its file and line, and what the original would have said.
func TestWhatIsWrongWithHadoopsFiles(t *testing.T) {
	for name, c := range map[string]struct {
		props []string
		want  []string
		java  string
	}{
		"kerberos":              {[]string{"hadoop.security.authentication=kerberos"}, []string{`hdfs-site.xml:11: hadoop.security.authentication: authentication "kerberos" is not supported yet, only simple; Kerberos comes with the security release`}, ""},
		"tls":                   {[]string{"dfs.ha.zkfc.client.ssl.enabled=on"}, []string{`hdfs-site.xml:11: dfs.ha.zkfc.client.ssl.enabled: "on" is neither true nor false; the original would take false`}, ""},
		"not a number":          {[]string{"ha.health-monitor.rpc-timeout.ms=10s", "dfs.ha.zkfc.port=x"}, []string{`hdfs-site.xml:11: ha.health-monitor.rpc-timeout.ms: "10s" is not a whole number`, `hdfs-site.xml:12: dfs.ha.zkfc.port: "x" is not a whole number`}, `java.lang.NumberFormatException: For input string: "10s"`},
		"zero":                  {[]string{"ha.failover-controller.cli-check.rpc-timeout.ms=0"}, []string{"0 is not above zero; write a number of milliseconds"}, ""},
		"address missing":       {[]string{"dfs.ha.namenodes.ns1=nn1,nn3"}, []string{"hdfs-site.xml:11: dfs.namenode.rpc-address.ns1.nn3: is not set, but dfs.ha.namenodes.ns1 names nn3"}, "java.lang.IllegalArgumentException: Unable to determine service address for namenode 'nn3'"},
		"address bad":           {[]string{"dfs.namenode.rpc-address.ns1.nn1=h1:port"}, []string{`dfs.namenode.rpc-address.ns1.nn1: "h1:port" is not host:port; write it as host:8020`}, "java.lang.IllegalArgumentException: Does not contain a valid host:port authority: h1:port"},
		"same address":          {[]string{"dfs.namenode.rpc-address.ns1.nn2=h1:8020"}, []string{"dfs.namenode.rpc-address.ns1.nn2: h1:8020 is also ns1.nn1's; each NameNode needs an address of its own"}, ""},
		"unknown node":          {[]string{"dfs.nameservice.id=ns1", "dfs.ha.namenode.id=nn9"}, []string{"hdfs-site.xml:12: dfs.ha.namenode.id: nn9 is not in dfs.ha.namenodes.ns1; configured: nn1, nn2"}, "java.lang.IllegalArgumentException: Unable to determine service address for namenode 'nn9'"},
		"unknown nameservice":   {[]string{"dfs.nameservice.id=ns9"}, []string{"hdfs-site.xml:11: dfs.nameservice.id: ns9 is no nameservice with two NameNodes; name one of dfs.nameservices"}, "org.apache.hadoop.HadoopIllegalArgumentException: HA is not enabled for this namenode."},
		"one NameNode":          {[]string{"dfs.ha.namenodes.ns1=nn1"}, []string{"dfs.nameservices: no nameservice with two NameNodes is configured"}, "org.apache.hadoop.HadoopIllegalArgumentException: HA is not enabled for this namenode."},
		"neither true nor flse": {[]string{"dfs.ha.automatic-failover.enabled=yes"}, []string{`"yes" is neither true nor false; the original would take false`}, ""},
		"own key misspelt":      {[]string{"holdfast.log.levl=info", "holdfast.timings=quick", "holdfast.log.level=loud"}, []string{"holdfast.log.levl: unknown key; did you mean holdfast.log.level?", `holdfast.timings: "quick" is not a choice; write hadoop or fast`, `hdfs-site.xml:13: holdfast.log.level: "loud" is not a level`}, ""},
		"endless variables":     {[]string{"dfs.nameservices=${a}", "a=${b}", "b=${a}"}, []string{"dfs.nameservices: more than 20 variables are replaced"}, ""},
		"bad XML":               {[]string{"a=1 & 2"}, []string{"hdfs-site.xml:11:35: not valid XML"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := hadoop(t, append(cluster(), c.props...))
			java := ""
			for _, p := range problems(t, err) {
				if java == "" {
					java = p.Java
				}
			}
			for _, w := range c.want {
				require.ErrorContains(t, err, w)
			}
			require.Equal(t, c.java, java)
		})
	}
}

func TestWhatIsWrongForThisNode(t *testing.T) {
	for name, c := range map[string]struct{ prop, want, java string }{
		"no quorum":  {"ha.zookeeper.quorum= ", "ha.zookeeper.quorum: is not set; write host:port of each ZooKeeper server, with commas, in core-site.xml", "java.lang.IllegalArgumentException: Missing required configuration 'ha.zookeeper.quorum' for ZooKeeper quorum"},
		"bad server": {"ha.zookeeper.quorum=a:b", `hdfs-site.xml:11: ha.zookeeper.quorum: "a:b" is not host:port`, ""},
		"timeout":    {"ha.zookeeper.session-timeout.ms=0", "hdfs-site.xml:11: ha.zookeeper.session-timeout.ms: 0 is not above zero", "java.lang.IllegalArgumentException: Invalid ZK session timeout 0"},
		"parent":     {"ha.zookeeper.parent-znode=x", `ha.zookeeper.parent-znode: "x" is not the path of a znode`, ""},
		"acl":        {"ha.zookeeper.acl.ns1=bogus", `hdfs-site.xml:11: ha.zookeeper.acl.ns1: "bogus" is not scheme:id:perms`, "org.apache.hadoop.util.ZKUtil$BadAclFormatException: ACL 'bogus' not of expected form scheme:id:perm"},
		"permission": {"ha.zookeeper.acl=world:anyone:rwcda,digest:u:x:rwx", "'x' in \"digest:u:x:rwx\" is not one of the permissions r, w, c, d, a", "org.apache.hadoop.util.ZKUtil$BadAclFormatException: Invalid permission 'x' in permission string 'rwx'"},
		"no rights":  {"ha.zookeeper.acl= ", "no entry, and no identity that could have the rights", ""},
		"sasl":       {"ha.zookeeper.acl=sasl:hdfs:rwcda,world:anyone:r", "ha.zookeeper.acl: gives the rights to an identity of scheme sasl only, which zkfc cannot have yet; use world, digest or x509; Kerberos comes with the security release", ""},
		"x509":       {"ha.zookeeper.acl=x509:CN=zkfc:rwcda", "ha.zookeeper.acl: gives the rights to an identity of scheme x509 only, and zkfc shows no certificate; use TLS with a key store", ""},
		"auth":       {"ha.zookeeper.auth=@/no/such/file", "ha.zookeeper.auth: cannot read the file after @", ""},
		"provider":   {"hadoop.security.credential.provider.path=bcfks://file/x", "bcfks://file/x cannot be asked for ha.zookeeper.auth: only stores of the type JCEKS can be opened", ""},
		"far store":  {"hadoop.security.credential.provider.path=jceks://s3a@b/x", "only stores of the local file system can be opened", ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := hadoop(t, append(cluster(), c.prop))
			require.NoError(t, err, "haadmin does not need it")
			ns, n, err := cfg.LocalNode()
			require.NoError(t, err)
			found := cfg.ForNode(ns, n)
			require.Len(t, found, 1)
			require.Contains(t, found[0].String(), c.want)
			require.Equal(t, c.java, found[0].Java)
		})
	}
}

func TestIdentityFromACredentialProvider(t *testing.T) {
	stores, err := filepath.Abs(filepath.Join("..", "hadoopconf", "testdata"))
	require.NoError(t, err)
	stores = "/" + strings.TrimPrefix(filepath.ToSlash(stores), "/") // as in an URI, also with a drive
	t.Setenv(passwordEnv, "")
	auth := func(props ...string) string {
		return mustHadoop(t, append(append(cluster(), "ha.zookeeper.auth=digest:in:clear"), props...)).Zookeeper.Auth
	}
	provider := providerKey + "="
	require.Equal(t, "digest:hdfs:s3cret", auth(provider+"jceks://hdfs@ns1/c.jceks,user:///,localjceks://file"+stores+"/none.jceks"))
	require.Equal(t, "digest:in:clear", auth(provider+"jceks://file/no/such.jceks"))
	require.Empty(t, auth(provider+"jceks://file/no/such.jceks", fallbackKey+"=false"))
	require.Equal(t, "digest:ours:x", auth(provider+"bcfks://file/x", "holdfast.zookeeper.auth=digest:ours:x"))

	changeit := provider + "jceks://file" + stores + "/changeit.jceks"
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte("changeit\n"), 0o600))
	require.Equal(t, "digest:u:p", auth(changeit, passwordFileKey+"="+file))
	t.Setenv(passwordEnv, "changeit")
	require.Equal(t, "digest:u:p", auth(changeit))
	t.Setenv(passwordEnv, "wrong")
	cfg, err := hadoop(t, append(cluster(), changeit))
	require.NoError(t, err)
	found := cfg.ForNode(cfg.Nameservices[0], cfg.Nameservices[0].Nodes[0])
	require.Len(t, found, 1)
	require.Contains(t, found[0].String(), "cannot be asked for ha.zookeeper.auth: the password does not fit, or the file is damaged; mend it, or put the identity")
}

func TestSeveralNodesHereAreToldAsTheOriginalDoes(t *testing.T) {
	props := append(cluster(), "dfs.namenode.rpc-address.ns1.nn1=127.0.0.1:1", "dfs.namenode.rpc-address.ns1.nn2=127.0.0.1:2", "dfs.ha.namenode.id=${none}")
	cfg, err := hadoop(t, props[:len(props)-1])
	require.NoError(t, err)
	cfg.Node = ""
	_, _, err = cfg.LocalNode()
	require.ErrorContains(t, err, "several nodes have an address of this machine (ns1/nn1, ns1/nn2); set dfs.ha.namenode.id")
	require.Equal(t, "org.apache.hadoop.HadoopIllegalArgumentException: Configuration has multiple addresses that match local node's address. "+
		"Please configure the system with dfs.nameservice.id and dfs.ha.namenode.id", problems(t, err)[0].Java)
}

func TestPlaceOfHadoopsFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	dir := siteDir(t, cluster()...)
	t.Setenv(EnvFile, "")
	t.Setenv(EnvHadoop, dir)
	cfg, err := Load(Options{})
	require.NoError(t, err)
	require.Equal(t, dir, cfg.File)

	extra := filepath.Join(t.TempDir(), "extra.xml")
	require.NoError(t, os.WriteFile(extra, []byte("<configuration><property name='dfs.ha.namenode.id' value='nn2'/></configuration>"), 0o600))
	cfg, err = Load(Options{Files: []string{extra}})
	require.NoError(t, err)
	require.Equal(t, "nn2", cfg.Node)

	ours := filepath.Join(t.TempDir(), "h.yaml")
	require.NoError(t, os.WriteFile(ours, []byte(pair), 0o600))
	t.Setenv(EnvFile, ours)
	cfg, err = Load(Options{})
	require.NoError(t, err)
	require.Equal(t, ours, cfg.File)
	_, err = Load(Options{Files: []string{ours, extra}})
	require.ErrorContains(t, err, "both "+ours+" and Hadoop's files are named")

	t.Setenv(EnvFile, "")
	t.Setenv(EnvHadoop, t.TempDir())
	_, err = Load(Options{})
	require.ErrorContains(t, err, "neither core-site.xml nor hdfs-site.xml is there")

	home := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(home, "etc"), 0o700))
	require.NoError(t, os.Rename(dir, filepath.Join(home, "etc", "hadoop")))
	t.Setenv(EnvHadoop, "")
	t.Setenv("HADOOP_HOME", home)
	cfg, err = Load(Options{})
	require.NoError(t, err)
	require.Equal(t, filepath.Join(home, "etc", "hadoop"), cfg.File)
}

func TestFencingScriptsGetHadoopsWholeConfigurationButItsSecrets(t *testing.T) {
	cfg := mustHadoop(t, append(cluster(), "my.key=${dfs.nameservices}!", "ssl.server.keystore.password=p", "ha.zookeeper.auth=digest:u:p", "fs.s3a.access.key=k"))
	env := cfg.FencingConfig(cfg.Nameservices[0], "nn2").Env
	for k, v := range map[string]string{
		"my.key": "ns1!", "dfs.namenode.rpc-address": "h2:9000", "dfs.ha.namenode.id": "nn2", "dfs.nameservice.id": "ns1",
		"ha.zookeeper.session-timeout.ms": "10000", "dfs.ha.zkfc.port": "8019",
	} {
		require.Equal(t, v, env[k], k)
	}
	for _, k := range []string{"ssl.server.keystore.password", "ha.zookeeper.auth", "fs.s3a.access.key"} {
		require.NotContains(t, env, k)
	}
}

// The table has every key of the original's two default files, each once.
func TestEveryHAKeyIsClassified(t *testing.T) {
	have := map[string]HadoopKey{}
	for _, k := range HadoopKeys() {
		require.NotContains(t, have, k.Name)
		require.NotEmpty(t, k.Why)
		have[k.Name] = k
	}
	text, err := os.ReadFile(filepath.Join("testdata", "ha-keys-3.4.3.txt"))
	require.NoError(t, err)
	n := 0
	for line := range strings.Lines(string(text)) {
		if key := strings.TrimSpace(line); key != "" && !strings.HasPrefix(key, "#") {
			require.Contains(t, have, key)
			n++
		}
	}
	require.Greater(t, n, 30)
}

func TestEffectiveTellsTheSourceOfEachValue(t *testing.T) {
	cfg := mustHadoop(t, append(cluster(), "ha.zookeeper.auth=digest:u:p", "ha.health-monitor.sleep-after-disconnect.ms=7", "dfs.ha.log-roll.period=7"), "holdfast.health.interval=2s")
	got := map[string]string{}
	for _, s := range cfg.Effective() {
		got[s.Key] = s.Value + " " + filepath.Base(s.From)
	}
	for k, v := range map[string]string{
		"zookeeper.quorum": "zk1:2181,zk2:2181 hdfs-site.xml:3", "zookeeper.sessionTimeout": "10s core-default.xml", "zookeeper.auth": "(not shown) hdfs-site.xml:11",
		"nameservices.0.nodes.1.rpcPort": "9000 hdfs-site.xml:7", "nameservices.0.nodes.1.zkfcPort": "8019 hdfs-default.xml",
		"health.interval": "2s -D", "failover.probeDeadline": "300ms default", "node": "nn1 hdfs-site.xml:10", "fencing.methods.0.method": "shell(/bin/true) hdfs-site.xml:9",
	} {
		require.Equal(t, v, got[k], k)
	}
	require.Len(t, cfg.Note(), 1)
	require.Contains(t, cfg.Note()[0], "hdfs-site.xml:12: ha.health-monitor.sleep-after-disconnect.ms: no effect: nothing sleeps")
}

func FuzzHadoop(f *testing.F) {
	f.Add(strings.Join(cluster(), "\n"), "holdfast.log.level=info")
	f.Add("dfs.nameservices=a,b\ndfs.ha.namenodes.a=x,y\ndfs.namenode.rpc-address.a.x=[::1]:1", "dfs.ha.zkfc.port=0x")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, props, set string) {
		o := Options{Set: append(strings.Split(props, "\n"), set)}
		same := func(ip string) string { return ip } // without a name server
		missing := place{resources: []string{filepath.Join(dir, "none.xml")}}
		cfg, err := newBridge(missing, o, same).load(missing, nil, false)
		if err == nil {
			t.Fatal("the file is not there")
		}
		require.NotEmpty(t, problems(t, err))
		require.Nil(t, cfg)
		if cfg, err = newBridge(place{}, o, same).load(place{}, nil, true); err == nil {
			for _, ns := range append(cfg.Nameservices, Nameservice{ID: "other"}) {
				_, _ = cfg.OnlyNameservice()
				_ = cfg.Known()
				_, _ = cfg.AddressOf(ns.ID, "nn1")
				_ = cfg.FencingConfig(ns, "nn1")
			}
		}
		if cfg, err = newBridge(place{}, o, same).load(place{}, nil, false); err == nil {
			_ = cfg.ForNode(cfg.Nameservices[0], cfg.Nameservices[0].Nodes[0])
			_ = fmt.Sprint(cfg.Effective(), cfg.Note(), cfg.FencingConfig(cfg.Nameservices[0], ""))
		}
	})
}

func TestAccessForMoreThanKerberosIsNoReasonToRefuse(t *testing.T) {
	cfg := mustHadoop(t, append(cluster(), "ha.zookeeper.acl=sasl:hdfs:rwcda,digest:hdfs:x=:rwcda", "dfs.ha.zkfc.client.ssl.enabled=true", "hadoop.zk.ssl.enabled=false"))
	acls, err := cfg.Zookeeper.ACLs()
	require.NoError(t, err)
	require.Len(t, acls, 2)
	acls, err = mustHadoop(t, append(cluster(), "ha.zookeeper.acl= ", "ha.zookeeper.auth=digest:u:p")).Zookeeper.ACLs()
	require.NoError(t, err)
	require.Equal(t, []ACL{{"auth", "", 31}}, acls, "as in the original: the controller's own identity")
}

// A node knows itself by its address for clients, by any address of the machine, and by those that every machine has.
func TestOwnNodeIsFoundAsTheOriginalFindsIt(t *testing.T) {
	lookup := func(host string) ([]string, error) {
		return map[string][]string{"h1": {"10.0.0.1"}, "h2": {"10.0.0.2"}, "s1": {"10.1.0.1"}, "debian": {"127.0.1.1"}, "0.0.0.0": {"0.0.0.0"}, "::1": {"::1"}}[host], nil
	}
	here := func(props ...string) (string, error) {
		all := append(cluster()[:len(cluster())-1], props...)
		cfg, err := hadoop(t, all)
		require.NoError(t, err)
		ns, n, err := cfg.nodeAmong(map[string]bool{"10.0.0.1": true, "fe80::1": true}, lookup)
		return ns.ID + "/" + n.ID, err
	}
	for _, c := range []struct{ want, prop string }{
		{"ns1/nn1", "a=b"},
		{"ns1/nn1", "dfs.namenode.servicerpc-address.ns1.nn1=s1:8021"},
		{"ns1/nn2", "dfs.namenode.rpc-address.ns1.nn1=h2:1"},
	} {
		props := []string{c.prop}
		if c.want == "ns1/nn2" {
			props = append(props, "dfs.namenode.rpc-address.ns1.nn2=debian:8020")
		}
		got, err := here(props...)
		require.NoError(t, err, c.prop)
		require.Equal(t, c.want, got)
	}
	for _, host := range []string{"0.0.0.0", "[::1]"} {
		got, err := here("dfs.namenode.rpc-address.ns1.nn1=h2:1", "dfs.namenode.rpc-address.ns1.nn2="+host+":8020")
		require.NoError(t, err)
		require.Equal(t, "ns1/nn2", got)
	}
	_, err := here("dfs.namenode.rpc-address.ns1.nn1=s1:8020", "dfs.namenode.servicerpc-address.ns1.nn1=h1:8020")
	require.ErrorContains(t, err, "no configured node has an address of this machine", "the service's address does not count")
}

func writePolicy(t *testing.T, dir, name string, props ...string) {
	t.Helper()
	require.NoError(t, os.Rename(filepath.Join(siteDir(t, props...), "hdfs-site.xml"), filepath.Join(dir, name)))
}

func policyOf(t *testing.T, dir string, set ...string) (*Policy, Problems) {
	t.Helper()
	cfg, err := Load(Options{Files: []string{dir}, Set: set})
	require.NoError(t, err)
	ns, n, err := cfg.LocalNode()
	require.NoError(t, err)
	wrong := cfg.ForNode(ns, n)
	return cfg.Policy, wrong
}

// Who may call zkfc at all is in hadoop-policy.xml, as long as hadoop.security.authorization is true.
func TestPolicyOfHadoopsFiles(t *testing.T) {
	t.Setenv("HADOOP_POLICYFILE", "")
	dir := siteDir(t, cluster()...)
	writePolicy(t, dir, "hadoop-policy.xml", "security.zkfc.protocol.acl=hdfs,${env.NOBODY:-ann} ops", "security.zkfc.protocol.hosts=10.0.0.0/8,nn1",
		"security.service.authorization.default.acl.blocked= bad", "security.service.authorization.default.acl=eve")
	p, wrong := policyOf(t, dir)
	require.Empty(t, wrong)
	require.Nil(t, p, "it is not in force")

	const on = "hadoop.security.authorization=true"
	p, wrong = policyOf(t, dir, on)
	require.Empty(t, wrong)
	require.Equal(t, hadooprpc.ACL{Users: []string{"hdfs", "ann"}, Groups: []string{"ops"}}, p.Allowed)
	require.Equal(t, hadooprpc.ACL{Groups: []string{"bad"}}, p.Blocked, "the default of all protocols")
	require.Equal(t, []string{"nn1"}, p.Hosts.Names)
	require.Len(t, p.Hosts.Networks, 1)
	require.Equal(t, hadooprpc.Machines{}, p.BlockedHosts)
	file := filepath.Join(dir, "hadoop-policy.xml")
	require.Equal(t, []Setting{
		{"security.zkfc.protocol.acl", "hdfs,ann ops", file + ":2"},
		{"security.service.authorization.default.acl.blocked", " bad", file + ":4"},
		{"security.zkfc.protocol.hosts", "10.0.0.0/8,nn1", file + ":3"},
		{"security.zkfc.protocol.hosts.blocked", "", "default"},
	}, p.Effective)

	p, wrong = policyOf(t, dir, on, "security.zkfc.protocol.acl=bob")
	require.Empty(t, wrong)
	require.Equal(t, []string{"bob"}, p.Allowed.Users, "the command line wins")

	writePolicy(t, dir, "other.xml", "security.zkfc.protocol.hosts.blocked=10.0.0.0/99")
	t.Setenv("HADOOP_POLICYFILE", "other.xml")
	p, wrong = policyOf(t, dir, on)
	require.True(t, p.Allowed.All)
	require.True(t, p.Hosts.All)
	require.ErrorContains(t, wrong, filepath.Join(dir, "other.xml")+`:2: security.zkfc.protocol.hosts.blocked: "10.0.0.0/99" is no network such as 10.0.0.0/8`)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "other.xml"), []byte("<configuration><property>"), 0o600))
	_, wrong = policyOf(t, dir, on)
	require.ErrorContains(t, wrong, "other.xml:1")

	t.Setenv("HADOOP_POLICYFILE", "none.xml")
	p, wrong = policyOf(t, dir, on)
	require.Empty(t, wrong)
	require.True(t, p.Allowed.All, "no file allows everybody, as in the original")
	require.Equal(t, hadooprpc.ACL{}, p.Blocked)

	_, wrong = policyOf(t, dir, "hadoop.security.authorization=yes")
	require.ErrorContains(t, wrong, `-D: hadoop.security.authorization: "yes" is neither true nor false`)
}
