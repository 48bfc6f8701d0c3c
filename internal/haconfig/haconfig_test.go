package haconfig

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/failover/target"
)

const pair = `zookeeper:
  quorum: zk1:2181,zk2:2181
nameservices:
  - id: ns1
    nodes:
      - {id: nn1, host: h1}
      - {id: nn2, host: h2, rpcPort: 9000}
`

func mustLoad(t *testing.T, text string, set, environ []string) *Config {
	t.Helper()
	cfg, err := load("holdfast.yaml", []byte(text), set, environ)
	require.NoError(t, err)
	return cfg
}

func TestDefaultsFillWhatTheFileLeavesOut(t *testing.T) {
	cfg := mustLoad(t, pair, nil, nil)
	want := Default()
	require.Equal(t, []string{"zk1:2181", "zk2:2181"}, cfg.Zookeeper.Quorum)
	want.Zookeeper.Quorum = cfg.Zookeeper.Quorum
	require.Equal(t, want.Zookeeper, cfg.Zookeeper)
	require.Equal(t, want.Health, cfg.Health)
	require.Equal(t, want.Failover, cfg.Failover)
	require.Equal(t, want.Fencing, cfg.Fencing)
	require.Equal(t, want.Log, cfg.Log)
	require.Equal(t, []Nameservice{{
		ID: "ns1", AutomaticFailover: true,
		Nodes: []Node{{ID: "nn1", Host: "h1", RPCPort: 8020, ZKFCPort: 8019}, {ID: "nn2", Host: "h2", RPCPort: 9000, ZKFCPort: 8019}},
	}}, cfg.Nameservices)
	require.Equal(t, target.Identity{NameserviceID: "ns1", ServiceID: "nn2", Host: "h2", Port: 9000, ZKFCPort: 8019},
		cfg.Nameservices[0].Nodes[1].Identity("ns1"))
}

// The sample sets every key there is, and says "default" exactly where it shows the default.
func TestSampleLoadsAndShowsTheDefaults(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "configs", "holdfast.yaml"))
	require.NoError(t, err)
	r := &reader{file: "configs/holdfast.yaml", origins: origins{}}
	r.read(text)
	require.Empty(t, r.problems)
	var every func(fs []*field, path string)
	every = func(fs []*field, path string) {
		for _, f := range fs {
			at := join(path, f.name)
			require.Contains(t, r.origins, strings.ToLower(at), "the sample does not explain "+at)
			if f.kind == kindList {
				at += ".0"
			}
			every(f.children, at)
		}
	}
	every(schema, "")

	cfg := mustLoad(t, string(text), nil, nil)
	want := Default()
	require.Len(t, cfg.Zookeeper.Quorum, 3)
	want.Zookeeper.Quorum = cfg.Zookeeper.Quorum
	want.Nameservices = []Nameservice{{ID: "ns1", AutomaticFailover: true, Nodes: []Node{
		{ID: "nn1", Host: "nn1.example.com", RPCPort: 8020, ZKFCPort: 8019},
		{ID: "nn2", Host: "nn2.example.com", RPCPort: 8020, ZKFCPort: 8019},
	}}}
	want.Fencing.Methods = []FencingMethod{
		{Method: "shell(/usr/local/bin/fence-by-power.sh $target_host)", Timeout: 30 * time.Second},
		{Method: "shell(/bin/true)", Timeout: 30 * time.Second},
	}
	want.Controller.Admins, want.Controller.AdminGroups = []string{}, []string{}
	want.Fencing.SSH.KeyFiles, want.Fencing.SSH.KnownHosts = []string{}, []string{}
	want.Zookeeper.TLS.Protocols, want.Zookeeper.TLS.CipherSuites = []string{}, []string{}
	cfg.File, cfg.origins = "", nil
	require.Equal(t, want, *cfg)
}

func TestFlagsOverrideTheEnvironmentWhichOverridesTheFile(t *testing.T) {
	text := pair + "health: {interval: 3s, deadline: 3s}\nnode: nn1\n"
	cfg := mustLoad(t, text,
		[]string{"health.interval=5s", "nameservices.ns1.nodes.nn2.host=other", "nameservices.0.nodes.0.zkfcport=7000", "nameservices.ns1.automaticFailover=false"},
		[]string{
			"HOLDFAST_HEALTH_INTERVAL=4s", "HOLDFAST_HEALTH_DEADLINE=4s", "HOLDFAST_NODE=nn2", "HOLDFAST_LOG_LEVEL=", "HOLDFAST_SERVICE_HOST=10.0.0.1",
			"HOLDFAST_ZOOKEEPER_QUORUM=a:1 b:2", "HOLDFAST_FENCING_METHODS=shell(/bin/true)\nshell(/bin/false)",
		})
	require.Equal(t, Health{Interval: 5 * time.Second, Deadline: 4 * time.Second, Retry: 100 * time.Millisecond}, cfg.Health)
	require.Equal(t, "nn2", cfg.Node)
	require.Equal(t, "info", cfg.Log.Level, "an empty variable does not count")
	require.Equal(t, []string{"a:1", "b:2"}, cfg.Zookeeper.Quorum)
	require.Equal(t, "other", cfg.Nameservices[0].Nodes[1].Host)
	require.Equal(t, 7000, cfg.Nameservices[0].Nodes[0].ZKFCPort)
	require.False(t, cfg.Nameservices[0].AutomaticFailover)
	require.Equal(t, []FencingMethod{{"shell(/bin/true)", 30 * time.Second}, {"shell(/bin/false)", 30 * time.Second}}, cfg.Fencing.Methods)
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	text := `zookeeper:
  quorum: [zk1]
  sesionTimeout: 2s
  parentZnode: hadoop-ha
  acl: world:anyone:rx
nameservices:
  - id: ns1
    nodes:
      - {id: nn1, host: "h1:8020"}
      - {id: nn1, host: h2, rpcPort: 70000, zkfcPort: many}
health:
  interval: 5
  interval: 1s
  deadline: -1s
fencing:
  methods:
    - {method: shell(/bin/true), timeout: soon}
    - {timeout: 1s}
log: {level: loud}
bogus: 1
`
	_, err := load("h.yaml", []byte(text), []string{"node=nn7", "nodee=x", "nameservices.ns9.id=x", "oops"}, []string{"HOLDFAST_ZOOKEEPER_QUORUN=a:1"})
	want := []string{
		`h.yaml:3: zookeeper.sesionTimeout: unknown key; did you mean sessionTimeout?`,
		`h.yaml:10: nameservices.0.nodes.1.zkfcPort: "many" is not a whole number`,
		`h.yaml:12: health.interval: "5" has no unit; write 5s or 5ms`,
		`h.yaml:17: fencing.methods.0.timeout: "soon" is not a duration; write it as 2s, 500ms or 1m30s`,
		`h.yaml:20: bogus: unknown key; known here: zookeeper, nameservices, nameservice, node, health, failover, fencing, controller, admin, log, events`,
		`HOLDFAST_ZOOKEEPER_QUORUN: unknown variable; did you mean HOLDFAST_ZOOKEEPER_QUORUM?`,
		`-D nodee: unknown key; did you mean node?`,
		`-D nameservices.ns9.id: there is no entry "ns9" in nameservices; name an id, or a number counted from 0`,
		`-D oops: not a setting; write -D key=value`,
		`h.yaml:2: zookeeper.quorum: "zk1" is not host:port; write it as host:2181, an IPv6 address as [::1]:2181`,
		`h.yaml:4: zookeeper.parentZnode: "hadoop-ha" is not the path of a znode; write it as /hadoop-ha`,
		`h.yaml:5: zookeeper.acl: 'x' in "world:anyone:rx" is not one of the permissions r, w, c, d, a; write scheme:id:perms, e.g. world:anyone:rwcda`,
		`h.yaml:9: nameservices.0.nodes.0.host: "h1:8020" is not a name or an address; ports have keys of their own: rpcPort, zkfcPort`,
		`h.yaml:10: nameservices.0.nodes.1.id: nn1 is named twice; give each entry an id of its own`,
		`h.yaml:10: nameservices.0.nodes.1.rpcPort: 70000 is not a port; write a number from 1 to 65535`,
		`-D node: node: nn7 is not configured; configured: nn1, nn1`,
		`h.yaml:14: health.deadline: -1s is not above zero; the default is 1s`,
		`h.yaml:18: fencing.methods.1.method: missing; write a method such as shell(/usr/local/bin/fence.sh)`,
		`h.yaml:19: log.level: "loud" is not a level; write one of: debug, info, warn, error`,
	}
	var got []string
	for _, p := range problems(t, err) {
		got = append(got, p.String())
	}
	require.Subset(t, got, want)
	require.Contains(t, err.Error(), "problems in the configuration:\n  h.yaml:3: ")
}

func TestUnreadableFiles(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"syntax":          {"a: [", "not valid YAML"},
		"tab":             {"zookeeper:\n\tquorum: x", "h.yaml:2: not valid YAML"},
		"a word":          {"hello", `h.yaml:1: expected keys below it, got "hello"`},
		"a list":          {"- a", "h.yaml:1: expected keys below it, got a list"},
		"two documents":   {pair + "---\na: 1\n", "a second document begins here"},
		"list for a word": {pair + "node: [a]\n", `h.yaml:8: node: expected a word, got a list`},
		"word for a list": {"nameservices: ns1", `h.yaml:1: nameservices: expected a list, got "ns1"`},
		"key is a list":   {pair + "? [a]\n: b\n", "unknown key"},
		"set twice":       {pair + "node: nn1\nnode: nn2\n", "h.yaml:9: node: set a second time; first set at h.yaml:8: keep one of the two"},
		"nothing":         {"", "zookeeper.quorum: no server is named"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load("h.yaml", []byte(c.text), nil, nil)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestFileIsFoundInOrder(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv(EnvFile, "")
	t.Setenv(EnvHadoop, "")
	write := func(name, node string) string {
		p := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(p, []byte(pair+"node: "+node+"\n"), 0o600))
		return p
	}
	write("holdfast.yaml", "nn1")
	cfg, err := Load(Options{})
	require.NoError(t, err)
	require.Equal(t, "nn1", cfg.Node)

	t.Setenv(EnvFile, write("env.yaml", "nn2"))
	cfg, err = Load(Options{})
	require.NoError(t, err)
	require.Equal(t, "nn2", cfg.Node)

	cfg, err = Load(Options{Files: []string{write("flag.yaml", "nn1")}})
	require.NoError(t, err)
	require.Equal(t, "nn1", cfg.Node)

	_, err = Load(Options{Files: []string{filepath.Join(dir, "none.yaml")}})
	require.ErrorContains(t, err, "-config: cannot read the configuration")
	t.Setenv(EnvFile, filepath.Join(dir, "none.yaml"))
	_, err = Load(Options{})
	require.ErrorContains(t, err, "HOLDFAST_CONFIG: cannot read the configuration")
}

func TestNoFileIsSaidWhenNothingElseNamesTheEnsemble(t *testing.T) {
	_, err := load("", nil, nil, nil)
	require.ErrorContains(t, err, "no configuration file was found (looked for -config, HOLDFAST_CONFIG, HADOOP_CONF_DIR, ./holdfast.yaml, /etc/holdfast/holdfast.yaml")
}

func TestAccessListAndIdentityMayStandInAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "auth")
	require.NoError(t, os.WriteFile(file, []byte("digest:u:p\nsasl:x\n"), 0o600))
	auths, err := Zookeeper{Auth: "@" + file}.Auths()
	require.NoError(t, err)
	require.Equal(t, []Auth{{"digest", []byte("u:p")}, {"sasl", []byte("x")}}, auths)
	acls, err := Zookeeper{ACL: "world:anyone:r,digest:u:abc=:cdrwa"}.ACLs()
	require.NoError(t, err)
	require.Equal(t, []ACL{{"world", "anyone", 1}, {"digest", "u:abc=", 31}}, acls)
	_, err = Zookeeper{Auth: "@" + file + "-none"}.Auths()
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Zookeeper{Auth: "secretword"}.Auths()
	require.ErrorContains(t, err, "entry 1 is not scheme:data")
	require.NotContains(t, err.Error(), "secretword")
}

func TestLocalNodeIsTheOneWithAnAddressOfThisMachine(t *testing.T) {
	cfg := mustLoad(t, pair, nil, nil)
	lookup := func(host string) ([]string, error) {
		return map[string][]string{"h1": {"10.0.0.1"}, "h2": {"10.0.0.2", "::2"}}[host], nil
	}
	ns, n, err := cfg.nodeAmong(map[string]bool{"127.0.0.1": true, "::2": true}, lookup)
	require.NoError(t, err)
	require.Equal(t, "ns1/nn2", ns.ID+"/"+n.ID)

	_, _, err = cfg.nodeAmong(map[string]bool{"10.0.0.1": true, "10.0.0.2": true}, lookup)
	require.EqualError(t, err, "several nodes have an address of this machine (ns1/nn1, ns1/nn2); set node in the file, HOLDFAST_NODE, or -D node=ID")
	_, _, err = cfg.nodeAmong(map[string]bool{"127.0.0.1": true}, lookup)
	require.ErrorContains(t, err, "no configured node has an address of this machine; set node")

	cfg.Node = "nn1"
	ns, n, err = cfg.LocalNode()
	require.NoError(t, err)
	require.Equal(t, "ns1/nn1", ns.ID+"/"+n.ID)
}

func TestSameNodeIDInTwoNameservicesWantsTheNameservice(t *testing.T) {
	cfg := mustLoad(t, pair+"  - {id: ns2, nodes: [{id: nn1, host: h3}, {id: nn2, host: h4}]}\nnode: nn1\n", nil, nil)
	_, _, err := cfg.LocalNode()
	require.ErrorContains(t, err, "node nn1 is in several nameservices (ns1/nn1, ns2/nn1); set nameservice")
	cfg.Nameservice = "ns2"
	ns, n, err := cfg.LocalNode()
	require.NoError(t, err)
	require.Equal(t, "ns2/h3", ns.ID+"/"+n.Host)
}

func TestFencingScriptsGetTheOriginalsNames(t *testing.T) {
	cfg := mustLoad(t, pair+"fencing: {methods: [shell(a), {method: shell(b), timeout: 1s}]}\n", []string{"zookeeper.auth=digest:u:secret"}, nil)
	fc := cfg.FencingConfig(cfg.Nameservices[0], "nn2")
	require.Equal(t, 60*time.Second, fc.Deadline)
	require.Len(t, fc.Methods, 2)
	require.Equal(t, time.Second, fc.Methods[1].Timeout)
	for k, v := range map[string]string{
		"dfs.nameservices": "ns1", "dfs.ha.namenodes.ns1": "nn1,nn2", "dfs.namenode.rpc-address.ns1.nn2": "h2:9000",
		"dfs.ha.namenode.id": "nn2", "ha.zookeeper.quorum": "zk1:2181,zk2:2181", "dfs.ha.fencing.methods": "shell(a)\nshell(b)",
		"ha.zookeeper.session-timeout.ms": "2000",
	} {
		require.Equal(t, v, fc.Env[k], k)
	}
	for _, v := range fc.Env {
		require.NotContains(t, v, "secret")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(pair, "node=nn1")
	sample, err := os.ReadFile(filepath.Join("..", "..", "configs", "holdfast.yaml"))
	require.NoError(f, err)
	f.Add(string(sample), "nameservices.ns1.nodes.nn1.rpcPort=1")
	f.Add("a: &a [*a]\n", "fencing.methods=shell(x)")
	f.Add("nameservices: &a\n- id: x\n  nodes: *a\n", "=")
	f.Add("? {a: b}\n: <<\nfencing: {methods: [~, {}, []]}", "nameservices.0.nodes=1")
	f.Fuzz(func(t *testing.T, text, set string) {
		cfg, err := load("f.yaml", []byte(text), []string{set}, nil)
		if err == nil {
			require.Empty(t, cfg.Validate())
			return
		}
		require.NotEmpty(t, problems(t, err))
	})
}

// problems are what Load found.
func problems(t *testing.T, err error) Problems {
	t.Helper()
	var p Problems
	require.ErrorAs(t, err, &p)
	return p
}
