package zkcli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkclient/zktest"
)

// The outputs were recorded from zkCli of Apache ZooKeeper 3.9.5.
func TestQuotaCommands(t *testing.T) {
	s := newSession(t, zktest.Start(t).Addr())
	s.do("create /q data", 0, "Created /q\n")
	s.do("create /q/c data", 0, "Created /q/c\n")
	s.do("listquota /q", 0, "absolute path is /zookeeper/quota/q/zookeeper_limits\nquota for /q does not exist.\n")
	s.do("delquota /q", 0, "Quota does not exist for /q\n")
	s.do("setquota -n 5 /q", 0, "")
	listed := func(quota string) string {
		return "Output quota for /q " + quota + "\nOutput stat for /q count=0,bytes=0\nabsolute path is /zookeeper/quota/q/zookeeper_limits\n"
	}
	s.do("listquota /q", 0, listed("count=5,bytes=-1=;byteHardLimit=-1;countHardLimit=-1"))
	s.do("setquota -b 100 /q", 0, "")
	s.do("setquota -N 10 /q", 0, "")
	s.do("setquota -B 200 /q", 0, "")
	s.do("listquota /q", 0, listed("count=5,bytes=100=;byteHardLimit=200;countHardLimit=10"))
	s.do("set /zookeeper/quota/q/zookeeper_stats count=2,bytes=9", 0, "") // what a real server does
	s.do("setquota -n 1 /q", 0, "[Warning]: the count quota you create is less than the existing count:2\n")
	s.do("setquota -b 3 /q", 0, "[Warning]: the count quota you create is less than the existing count:2\n"+
		"[Warning]: the bytes quota you create is less than the existing bytes:9\n")
	s.do("setquota -n 5 /q/c", 1, "/q/c has a parent /q which has a quota\n")
	s.do("setquota -n 0 /q", 0, "the num quota must be greater than zero\n")
	s.do("setquota -B -1 /q", 0, "the bytes quota must be greater than or equal to zero\n")
	s.do("setquota -N 9999999999 /q", 0, "NumberFormatException happens when parsing the option value\n")
	s.do("setquota /q", 1, "org.apache.commons.cli.MissingOptionException: Missing required option: [-n num soft quota, -b bytes soft quota, "+
		"-N num hard quota, -B bytes hard quota]\n")
	s.do("setquota -n 3", 1, "setquota -n|-b|-N|-B val path\n")
	s.do("setquota -n 3 -b 3 /q", 1, "org.apache.commons.cli.AlreadySelectedException: The option 'b' was specified but an option from this "+
		"group has already been selected: 'n'\n")
	s.do("setquota -n 3 /nope", 1, "/nope does not exist.\n")
	s.do("setquota -n 3 /zookeeper/quota", 0, "cannot set a quota under the path: /zookeeper/quota\n")
	s.do("delquota -n /q", 0, "")
	s.do("get /zookeeper/quota/q/zookeeper_limits", 0, "count=-1,bytes=3=;byteHardLimit=200;countHardLimit=10\n")
	s.do("delquota /q", 0, "")
	s.do("setquota -n 5 /q/c", 0, "")
	s.do("setquota -n 5 /q", 1, "/q has a child /q/c which has a quota\n")
	s.do("delquota /q/c", 0, "")
	s.do("ls /zookeeper/quota", 0, "[]\n")
	s.do("create /zookeeper/quota/q x", 0, "Created /zookeeper/quota/q\n")
	s.do("create /zookeeper/quota/q/zookeeper_limits count=x", 0, "Created /zookeeper/quota/q/zookeeper_limits\n")
	s.do("listquota /q", 1, "absolute path is /zookeeper/quota/q/zookeeper_limits\n/zookeeper/quota/q/zookeeper_limits holds \"count=x\", "+
		"which is not a quota: \"x\" is no number\n")
}

func TestWatchCommands(t *testing.T) {
	srv := zktest.Start(t)
	s := newSession(t, srv.Addr())
	removed := func(typ string) string {
		return "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:" + typ + " path:/w zxid: -1\n"
	}
	s.do("create /w x", 0, "Created /w\n")
	s.do("removewatches /w", 1, "KeeperErrorCode = No such watcher for /w\n")
	s.do("addWatch -m bogus /w", 1, "addWatch [-m mode] path # optional mode is one of [PERSISTENT, PERSISTENT_RECURSIVE] - default is PERSISTENT_RECURSIVE\n")
	s.do("addWatch /w", 0, "")
	s.do("removewatches -p /w", 1, "KeeperErrorCode = No such watcher for /w\n")
	s.do("removewatches -r /w", 0, removed("PersistentWatchRemoved"))
	s.do("addWatch -m persistent /w", 0, "")
	s.do("removewatches -p /w", 0, removed("PersistentWatchRemoved"))
	s.do("get -w /w", 0, "x\n")
	s.do("ls -w /w", 0, "[]\n")
	s.do("removewatches /w -d", 0, removed("DataWatchRemoved"))
	s.do("removewatches /w", 0, removed("ChildWatchRemoved"))
	s.do("ls -w /w", 0, "[]\n")
	srv.Refuse(true)
	s.do("removewatches /w -c", 1, "KeeperErrorCode = No such watcher for /w\n")
	s.do("removewatches /w -c -l", 0, removed("ChildWatchRemoved"))
	s.do("removewatches", 1, "removewatches path [-c|-d|-a] [-l]\n")
}

func TestEphemeralsChildrenAndConfig(t *testing.T) {
	srv := zktest.Start(t)
	s := newSession(t, srv.Addr())
	s.do("getEphemerals", 0, "[]\n")
	s.do("create -e /e1 x", 0, "Created /e1\n")
	s.do("create -e /f2 x", 0, "Created /f2\n")
	s.do("getEphemerals", 0, "[/e1, /f2]\n")
	s.do("getEphemerals /e", 0, "[/e1]\n")
	s.do("getAllChildrenNumber /", 0, "3\n")
	s.do("getAllChildrenNumber /nope", 1, "Node does not exist: /nope\n")
	s.do("getAllChildrenNumber", 1, "getAllChildrenNumber path\n")

	text := "server.2=b:2888:3888:participant;127.0.0.1:2182\nserver.10=c:1:2\nserver.1=a:2888:3888:participant;2181\nversion=100000000"
	srv.SetConfig(text)
	s.do("config", 0, text+"\n")
	s.do("config -c", 0, "100000000 0.0.0.0:2181,127.0.0.1:2182,\n")
	s.do("config -s -c", 0, "100000000 0.0.0.0:2181,127.0.0.1:2182,\n"+statText("0", "0", "0", "119", "0"))
}

func TestReconfig(t *testing.T) {
	srv := zktest.Start(t)
	s := newSession(t, srv.Addr())
	const done = "Committed new configuration:\n"
	usage := lookup("reconfig").help() + "\n"
	s.do("reconfig", 1, usage)
	s.do("reconfig -add SERVER.2=h:1:2;3", 0, done+"joining=server.2=h:1:2;3 leaving= members=\n")
	s.do("reconfig -remove 3 -add=server.4=h:1:2;3", 0, done+"joining=server.4=h:1:2;3 leaving=3 members=\n")
	s.do("reconfig -members server.1=h:1:2;3", 0, done+"joining= leaving= members=server.1=h:1:2;3\n")
	file := filepath.Join(t.TempDir(), "dynamic")
	require.NoError(t, os.WriteFile(file, []byte("server.2 = h:1:2;3\ngroup.1=1:2\n# no\nserver.1=g:1:2;3\nversion=7\n"), 0o644))
	s.do("reconfig -file "+file, 0, done+"joining= leaving= members=group.1=1:2,server.1=g:1:2;3,server.2=h:1:2;3\n")
	s.do("reconfig -members x -add y", 1, "Can't use -file or -members together with -add or -remove (mixing incremental and non-incremental modes is not allowed)\n")
	s.do("reconfig -members x -file y", 1, "Can't use -file and -members together (conflicting non-incremental modes)\n")
	s.do("reconfig -v zz -add y", 1, "-v must be followed by a long (configuration version)\n")
	s.do("reconfig -add", 1, "org.apache.commons.cli.MissingArgumentException: Missing argument for option: add\n")
	_, missing := os.Open("/nonexistent")
	s.do("reconfig -file /nonexistent", 1, "Error processing /nonexistent: "+missing.Error()+"\n")
	srv.Refuse(true)
	s.do("reconfig -add y", 1, "KeeperErrorCode = Reconfig is disabled\n")
}

func TestCloseAndConnectTellTheWatcher(t *testing.T) {
	s := newSession(t, zktest.Start(t).Addr())
	event := func(state string) string {
		return "\nWATCHER::\n\nWatchedEvent state:" + state + " type:None path:null zxid: -1\n"
	}
	s.do("connect", 0, event("Closed")+event("SyncConnected"))
	s.do("close", 0, event("Closed"))
	s.do("close", 0, "Not connected\n")
	s.do("history", 0, "0 - connect\n1 - close\n2 - close\n3 - history\nNot connected\n")
	s.do("connect", 0, event("SyncConnected"))
	s.do("get /nope", 1, "Node does not exist: /nope\n")
	s.sh.line(t.Context(), "quit")
	require.True(t, s.sh.quit)
	require.Equal(t, 1, s.sh.code, "quit keeps the exit code of the command before it")
}

func TestSessionWithEphemeralsIsLeftToItsTimeout(t *testing.T) {
	srv := zktest.Start(t)
	exists := func(path string) bool {
		code, _, _ := runMain(t, "", "-server", srv.Addr(), "stat", path)
		return code == 0
	}
	code, _, _ := runMain(t, "", "-server", srv.Addr(), "create", "-e", "/left", "x")
	require.Zero(t, code)
	require.True(t, exists("/left"))
	code, _, _ = runMain(t, "create -e /piped x\n", "-server", srv.Addr())
	require.Zero(t, code)
	require.True(t, exists("/piped"))
	code, _, _ = runMain(t, "create -e /quit x\nquit\n", "-server", srv.Addr())
	require.Zero(t, code)
	require.False(t, exists("/quit"))
}

func TestJSON(t *testing.T) {
	srv := zktest.Start(t)
	srv.SetConfig("version=0")
	input := "create -e /a héllo\ncreate /b\nset /b -b /w==\nls /\nls -s /a\nls -R /\nget /a\nget -s -b /a\nget /b\nstat /a\ngetAcl /a\ngetEphemerals\n" +
		"getAllChildrenNumber /\nwhoami\nsync /\nversion\nconfig\nprintwatches\nsetquota -n 3 /b\nlistquota /b\nget -w /b\nset -s /b x\nget /nope\nhistory\nquit\n"
	code, out, stderr := runMain(t, input, "--output", "json", "-server", srv.Addr())
	require.Zero(t, code)
	require.Equal(t, "absolute path is /zookeeper/quota/b/zookeeper_limits\nNode does not exist: /nope\n", stderr)
	lines := strings.Split(strings.TrimSuffix(variableJSON.ReplaceAllString(out, `"$1":"X"`), "\n"), "\n")
	for _, l := range lines {
		require.True(t, json.Valid([]byte(l)), l)
	}
	const stat = `"cZxid":"X","ctime":"X","mZxid":"X","mtime":"X","pZxid":"X"`
	for _, want := range []string{
		`{"path":"/a"}`, `{"path":"/","children":["a","b","zookeeper"]}`, `{"path":"/","paths":["/","/a","/b","/zookeeper","/zookeeper/config"]}`,
		`{"path":"/a","children":[],"stat":{` + stat + `,"cversion":0,"dataVersion":0,"aclVersion":0,"ephemeralOwner":"X","dataLength":6,"numChildren":0}}`,
		`{"path":"/a","data":"héllo"}`, `{"path":"/b","dataBase64":"/w=="}`, `{"path":"/a","acl":[{"scheme":"world","id":"anyone","perms":"cdrwa"}]}`,
		`{"ephemerals":["/a"]}`, `{"path":"/","allChildrenNumber":4}`, `{"identities":[{"scheme":"ip","user":"127.0.0.1"}]}`, `{"path":"/","sync":true}`,
		`{"config":"version=0"}`, `{"printwatches":"on"}`,
		`{"path":"/b","quota":{"byteHardLimit":-1,"bytes":-1,"count":3,"countHardLimit":-1},"stat":{"bytes":0,"count":0}}`,
		`{"watch":{"type":"NodeDataChanged","state":"SyncConnected","path":"/b","zxid":"X"}}`,
	} {
		require.Contains(t, lines, want)
	}
	require.Regexp(t, `"first":13,"history":\["whoami",.*"history"\]`, out)
	code, out, _ = runMain(t, "", "--output=json", "-server", srv.Addr(), "get", "/b")
	require.Zero(t, code)
	require.Len(t, strings.Split(out, "\n"), 2, "one line")
	require.JSONEq(t, `{"path":"/b","data":"x"}`, out)
}

// zkCli.sh hands CLIENT_JVMFLAGS and JVMFLAGS on, the latter last; a -client-configuration counts more.
func TestClientSettingsOfTheEnvironment(t *testing.T) {
	t.Setenv("CLIENT_JVMFLAGS", "-Xmx256m -Djute.maxbuffer=0x500 -Dzookeeper.request.timeout=700")
	t.Setenv("JVMFLAGS", `"-Dzookeeper.request.timeout=800" -Dzookeeper.snapCount=5 -Dzookeeper.ssl.keyStore.location=/k`)
	set, err := parseSettings(nil)
	require.NoError(t, err)
	require.Equal(t, []any{800 * time.Millisecond, 0x500, false}, []any{set.client.requestTimeout, set.client.maxBuffer, set.client.tls.Secure()})
	file := filepath.Join(t.TempDir(), "client.properties")
	require.NoError(t, os.WriteFile(file, []byte("jute.maxbuffer=4096\n"), 0o644))
	set, err = parseSettings([]string{"-client-configuration", file})
	require.NoError(t, err)
	require.Equal(t, []any{800 * time.Millisecond, 4096}, []any{set.client.requestTimeout, set.client.maxBuffer})
	t.Setenv("JVMFLAGS", "-Dzookeeper.ssl.ocsp=true")
	code, _, stderr := runMain(t, "", "ls", "/")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "JVMFLAGS: -Dzookeeper.ssl.ocsp=true: whether a certificate has been revoked is not asked for here")
}

func TestClientConfigurationFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "client.properties")
	read := func(text string) (clientOptions, error) {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		var o clientOptions
		err := o.read(file)
		return o, err
	}
	o, err := read("# client\nzookeeper.request.timeout=1500\njute.maxbuffer = 0xfffff\nzookeeper.disableAutoWatchReset=true\n" +
		"zookeeper.client.secure=false\nzookeeper.sasl.client=false\nzookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNIO\n")
	require.NoError(t, err)
	require.Equal(t, []any{1500 * time.Millisecond, 0xfffff, true, false}, []any{o.requestTimeout, o.maxBuffer, o.noWatchReset, o.tls.Secure()})
	_, err = read("zookeeper.ssl.crl=true\nzookeeper.ssl.keyStore.pasword=hush\nzookeeper.ssl.frob=1\nzookeeper.clientCnxnSocket=my.Socket\nzookeeper.sasl.client=true\nzookeeper.frob=1\njute.maxbuffer=x\nzookeeper.request.timeout=-1\n")
	for _, want := range []string{
		"zookeeper.ssl.crl=true: whether a certificate has been revoked is not asked for here", "zookeeper.ssl.frob=1: no such key",
		"zookeeper.ssl.keyStore.pasword=(not shown): no such key (known: location, type, password, passwordPath)",
		"zookeeper.clientCnxnSocket=my.Socket: a class of your own cannot be loaded",
		"zookeeper.sasl.client=true: zkcli does not speak SASL yet", "zookeeper.frob=1: no such key", "jute.maxbuffer=x: must be a number of bytes",
		"zookeeper.request.timeout=-1: must be a number of milliseconds",
	} {
		require.ErrorContains(t, err, want)
	}
	code, _, stderr := runMain(t, "", "-client-configuration", file, "ls", "/")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "SASL")
	require.NotContains(t, stderr, "hush")

	srv := zktest.Start(t)
	_, err = read("zookeeper.request.timeout=50\n")
	require.NoError(t, err)
	set, err := parseSettings([]string{"-client-configuration", file, "-server", srv.Addr()})
	require.NoError(t, err)
	c, err := zkclient.Connect(t.Context(), zkclient.Config{Servers: []string{srv.Addr()}, RequestTimeout: set.client.requestTimeout})
	require.NoError(t, err)
	srv.Silence(true)
	_, err = c.Exists(t.Context(), "/", false)
	require.ErrorContains(t, err, "request timeout")
	srv.Silence(false)
	c.Leave()
}
