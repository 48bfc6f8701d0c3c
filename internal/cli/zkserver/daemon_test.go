//go:build unix

package zkserver

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// site is a configuration directory as an operator of the original has it.
func site(t *testing.T) (dir string, port int) {
	t.Helper()
	dir, port = t.TempDir(), freePort(t)
	text := fmt.Sprintf("clientPort=%d\nclientPortAddress=127.0.0.1\ndataDir=%s/data\nadmin.enableServer=false\n", port, dir)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "conf"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "conf", "zoo.cfg"), []byte(text), 0o600))
	t.Setenv("HOLDFAST_TEST_RUN", "1")
	t.Setenv("ZOOCFGDIR", filepath.Join(dir, "conf"))
	t.Setenv("ZOO_LOG_DIR", filepath.Join(dir, "logs"))
	return dir, port
}

func TestStartStatusStop(t *testing.T) {
	dir, port := site(t)
	using := "Using config: " + filepath.Join(dir, "conf", "zoo.cfg") + "\n"
	found := fmt.Sprintf("Client port found: %d. Client address: 127.0.0.1. Client SSL: false.\n", port)
	steps := func(args ...string) (int, string, string) {
		code, out, err := run(args...)
		require.Contains(t, err, using)
		return code, out, strings.TrimPrefix(err, using)
	}
	pid := filepath.Join(dir, "data", "zookeeper_server.pid")

	code, out, _ := steps("stop")
	require.Equal(t, exitOK, code)
	require.Equal(t, "Stopping zookeeper ... no zookeeper to stop (could not find file "+pid+")\n", out)
	code, out, _ = steps("status")
	require.Equal(t, exitFailed, code)
	require.Equal(t, found+"Error contacting service. It is probably not running.\n", out)

	code, out, errs := steps("start")
	t.Cleanup(func() { run("stop") })
	require.Equal(t, exitOK, code, errs)
	require.Equal(t, "Starting zookeeper ... STARTED\n", out)
	require.Empty(t, errs)
	text, err := os.ReadFile(pid)
	require.NoError(t, err)
	require.Regexp(t, `^\d+$`, string(text))

	code, out, errs = steps("start", "zoo.cfg")
	require.Equal(t, exitFailed, code)
	require.Equal(t, "Starting zookeeper ... already running as process "+string(text)+".\n", out)
	require.Empty(t, errs)
	code, out, _ = steps("status", filepath.Join(dir, "conf", "zoo.cfg"))
	require.Equal(t, exitOK, code)
	require.Equal(t, found+"Mode: standalone\n", out)

	code, out, _ = steps("restart")
	require.Equal(t, exitOK, code)
	require.Equal(t, "Stopping zookeeper ... STOPPED\nStarting zookeeper ... STARTED\n", out)
	again, err := os.ReadFile(pid)
	require.NoError(t, err)
	require.NotEqual(t, string(text), string(again))

	code, out, _ = steps("stop")
	require.Equal(t, exitOK, code)
	require.Equal(t, "Stopping zookeeper ... STOPPED\n", out)
	require.NoFileExists(t, pid)
	logs, err := filepath.Glob(filepath.Join(dir, "logs", "zookeeper-*-server-*.out"))
	require.NoError(t, err)
	require.Len(t, logs, 1)
	log, err := os.ReadFile(logs[0])
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(log), servingLine), "the log of the first run is kept")
}

func TestStartFails(t *testing.T) {
	dir, port := site(t)
	t.Setenv("ZOOPIDFILE", filepath.Join(dir, "run", "zk.pid"))
	t.Setenv("SERVER_JVMFLAGS", "-Xmx1000m -Dzookeeper.db.autocreate=false")
	code, out, errs := run("start")
	require.Equal(t, exitFailed, code)
	require.Equal(t, "Starting zookeeper ... FAILED TO START\n", out)
	require.Contains(t, errs, "the server ended at once")
	require.Contains(t, errs, "SERVER_JVMFLAGS: -Xmx1000m: accepted, has no meaning here: there is no JVM")
	require.Contains(t, errs, "create an empty file named initialize in its dataDir")
	require.NoFileExists(t, filepath.Join(dir, "run", "zk.pid"))

	code, out, _ = run("start", "--config", filepath.Join(dir, "none"))
	require.Equal(t, exitFailed, code)
	require.Equal(t, "Starting zookeeper ... FAILED TO START\n", out)

	// A stale process id does no harm.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "run", "zk.pid"), []byte("2147483000"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "initialize"), nil, 0o600))
	code, out, errs = run("start")
	require.Equal(t, exitOK, code, errs)
	require.Equal(t, "Starting zookeeper ... STARTED\n", out)
	pid, err := os.ReadFile(filepath.Join(dir, "run", "zk.pid"))
	require.NoError(t, err)
	n, err := strconv.Atoi(string(pid))
	require.NoError(t, err)
	require.True(t, alive(n))
	code, _, _ = run("status", "-Dzookeeper.skipACL=yes")
	require.Equal(t, exitOK, code)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "zookeeper_server.pid"), nil, 0o600))
	code, out, _ = run("stop")
	require.Equal(t, exitOK, code)
	require.Equal(t, "Stopping zookeeper ... STOPPED\n", out)
	require.False(t, alive(n))
	_ = port
}

func TestPrintCmd(t *testing.T) {
	dir, _ := site(t)
	code, out, _ := run("print-cmd", "-Dzookeeper.snapCount=7", "zoo.cfg")
	require.Equal(t, exitOK, code)
	cfg := regexp.QuoteMeta(filepath.Join(dir, "conf", "zoo.cfg"))
	tail := cfg + `' >'` + regexp.QuoteMeta(dir) + `/logs/zookeeper-.*-server-.*\.out' 2>&1 </dev/null\n$`
	logs := `ZOO_LOG_DIR='` + regexp.QuoteMeta(dir) + `/logs' `
	require.Regexp(t, `^`+logs+`'[^']+' 'start-foreground' '-Dzookeeper\.snapCount=7' '`+tail, out)
	t.Setenv("SERVER_JVMFLAGS", "-Dzookeeper.x='y z'")
	_, out, _ = run("print-cmd", "--log-level=warn")
	require.Contains(t, out, `SERVER_JVMFLAGS='-Dzookeeper.x='\''y z'\''' ZOO_LOG_DIR='`)
	require.Regexp(t, ` '[^']+' 'start-foreground' '--log-level' 'warn' '`+tail, out)
}

func TestInit(t *testing.T) {
	dir, _ := site(t)
	data := filepath.Join(dir, "data")
	code, out, _ := run("init")
	require.Equal(t, exitOK, code)
	require.Equal(t, "No myid provided, be sure to specify it in "+data+"/myid if using non-standalone\n", out)
	require.DirExists(t, filepath.Join(data, "version-2"))
	require.FileExists(t, filepath.Join(data, "initialize"))

	code, out, _ = run("init", "--myid=3")
	require.Equal(t, exitFailed, code)
	require.Equal(t, "ZooKeeper data directory already exists at "+data+" (or use --force to force re-initialization)\n", out)

	require.NoError(t, os.WriteFile(filepath.Join(data, "version-2", "log.1"), nil, 0o600))
	code, out, _ = run("init", "--force", "--myid", "3", "--configfile", filepath.Join(dir, "conf", "zoo.cfg"))
	require.Equal(t, exitOK, code)
	require.Equal(t, "Force enabled, data/txnlog directories will be re-initialized\nUsing myid of 3\n", out)
	require.NoFileExists(t, filepath.Join(data, "version-2", "log.1"))
	id, err := os.ReadFile(filepath.Join(data, "myid"))
	require.NoError(t, err)
	require.Equal(t, "3\n", string(id))

	code, out, _ = run("init", "--configfile=/no/such.cfg")
	require.Equal(t, exitFailed, code)
	require.Equal(t, "Unable to find config file at /no/such.cfg\n", out)
	code, _, errs := run("init", "--force", "--myid=300")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "--myid 300: give a number from 1 to 255")

	line, _ := serveInBackground(t, filepath.Join(dir, "conf", "zoo.cfg"))
	require.Contains(t, line, servingLine)
	code, _, errs = run("init", "--force")
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "is in use by a running server: stop it first")
}

func TestReloadOnHangup(t *testing.T) {
	// The last signals may come when the command has ended: they must not end the test.
	late := make(chan os.Signal, 1)
	signal.Notify(late, syscall.SIGHUP)
	dir, _ := site(t)
	file := filepath.Join(dir, "conf", "zoo.cfg")
	before, err := os.ReadFile(file)
	require.NoError(t, err)
	change := func(line string) {
		require.NoError(t, os.WriteFile(file, append(before[:len(before):len(before)], line+"\n"...), 0o600))
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	}
	line, s := serveInBackground(t, file)
	require.Contains(t, line, servingLine)
	change("maxClientCnxns=5\nholdfast.logLevel=debug\npreAllocSize=100")
	s.await(`settings reloaded {"changed": ["maxClientCnxns", "holdfast.logLevel"], "waitForRestart": ["preAllocSize"]}`)
	change("maxClientCnxns=many")
	s.await("the changed configuration is refused, the old settings stay")
	s.await(`maxClientCnxns: \"many\" is not a whole number`)
	change("holdfast.logLevel=error")
	s.await(`settings reloaded {"changed": ["maxClientCnxns", "holdfast.logLevel"], "waitForRestart": []}`)
	change("holdfast.logLevel=error\nmaxClientCnxns=6")
	change("holdfast.logLevel=info\nmaxClientCnxns=7")
	code, _ := s.stop()
	require.Equal(t, exitOK, code)
}

func TestEnvironmentOfTheImage(t *testing.T) {
	dir := t.TempDir()
	for name, value := range map[string]string{
		"ZOOCFGDIR": filepath.Join(dir, "conf"), "ZOO_DATA_DIR": filepath.Join(dir, "data"), "ZOO_DATA_LOG_DIR": filepath.Join(dir, "datalog"),
		"ZOO_SERVERS":   fmt.Sprintf("server.1=localhost:2888:3888;127.0.0.1:%d", freePort(t)),
		"ZOO_CFG_EXTRA": "admin.enableServer=false", "JVMFLAGS": `"-Dzookeeper.snapCount=1000"`,
	} {
		t.Setenv(name, value)
	}
	line, s := serveInBackground(t, "start-foreground")
	require.Contains(t, line, servingLine+"127.0.0.1:")
	require.DirExists(t, filepath.Join(dir, "datalog", "version-2"))
	code, _ := s.stop()
	require.Equal(t, exitOK, code)
	t.Setenv("ZOO_TICK_TIME", "x")
	code, _, errs := run("start-foreground")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, `the environment (ZOO_...) cannot be used, 1 problem(s):`+"\n"+`ZOO_TICK_TIME: tickTime: "x" is not a whole number`)
}

// zkServer.sh hands ZOO_LOG_DIR on as zookeeper.log.dir, where the audit log then is; flags and zoo.cfg count more.
func TestLogDirectoryOfTheEnvironmentHoldsTheAuditLog(t *testing.T) {
	path := func(f *flags, lines ...string) string {
		t.Helper()
		cfg, _, err := f.source([]string{write(t, append([]string{"clientPort=2181", "dataDir=/d"}, lines...)...)}).load()
		require.NoError(t, err)
		return filepath.ToSlash(cfg.AuditPath())
	}
	t.Setenv("ZOO_LOG_DIR", "")
	require.Equal(t, "/d/zookeeper_audit.log", path(&flags{}))
	t.Setenv("ZOO_LOG_DIR", "/var/log/zk")
	require.Equal(t, "/var/log/zk/zookeeper_audit.log", path(&flags{}))
	require.Equal(t, "/flag/zookeeper_audit.log", path(&flags{defines: []string{"zookeeper.log.dir=/flag"}}))
	require.Equal(t, "/file/zookeeper_audit.log", path(&flags{}, "log.dir=/file"))
}

// What does not stand in the file can be seen over HTTP, by the names that it has as properties.
func TestFlagsAndVariablesAreShownAsProperties(t *testing.T) {
	t.Setenv("ZOO_LOG_DIR", "/var/log/zk")
	t.Setenv("SERVER_JVMFLAGS", "-Xmx1000m -Djute.maxbuffer=0x400000 -Dzookeeper.snapCount=5")
	f := &flags{defines: []string{"zookeeper.snapCount=7"}}
	want := map[string]string{"zookeeper.log.dir": "/var/log/zk", "jute.maxbuffer": "0x400000", "zookeeper.snapCount": "7"}
	require.Equal(t, want, f.source([]string{"any.cfg"}).properties())
	t.Setenv("ZOOCFGDIR", t.TempDir())
	t.Setenv("ZOO_CFG_EXTRA", "maxCnxns=9")
	got := f.source(nil).properties()
	require.Equal(t, "9", got["zookeeper.maxCnxns"])
	require.Equal(t, "/data", got["zookeeper.dataDir"])

	port := freePort(t)
	file := write(t, fmt.Sprintf("clientPort=%d", freePort(t)), "clientPortAddress=127.0.0.1", fmt.Sprintf("admin.serverPort=%d", port), "dataDir="+t.TempDir())
	_, s := serveInBackground(t, "start-foreground", "-Dzookeeper.snapCount=7", file)
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/commands/system_properties", port)) //nolint:noctx // on this machine
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	require.NoError(t, err)
	require.Contains(t, string(body), `"zookeeper.snapCount" : "7"`)
	require.Contains(t, string(body), fmt.Sprintf(`"zookeeper.admin.serverPort" : "%d"`, port))
	code, _ := s.stop()
	require.Equal(t, exitOK, code)
}

// Without a zoo.cfg the lines are shown that the variables amount to, and no secrets.
func TestVariablesAreShownAsTheInitialConfiguration(t *testing.T) {
	dir, client, port := t.TempDir(), freePort(t), freePort(t)
	for name, value := range map[string]string{
		"ZOOCFGDIR": dir, "ZOO_DATA_DIR": filepath.ToSlash(filepath.Join(dir, "data")), "ZOO_DATA_LOG_DIR": filepath.ToSlash(filepath.Join(dir, "log")),
		"ZOO_PORT": fmt.Sprint(client), "ZOO_AUTOPURGE_PURGEINTERVAL": "5",
		"ZOO_CFG_EXTRA": fmt.Sprintf("clientPortAddress=127.0.0.1 admin.serverPort=%d DigestAuthenticationProvider.superDigest=super:geheim=", port),
	} {
		t.Setenv(name, value)
	}
	_, s := serveInBackground(t, "start-foreground")
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/commands/initial_configuration", port)) //nolint:noctx // on this machine
	require.NoError(t, err)
	var body map[string]any
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&body))
	resp.Body.Close()
	require.Equal(t, fmt.Sprintf("dataDir=%s\ndataLogDir=%s\ntickTime=2000\nautopurge.purgeInterval=5\nmaxClientCnxns=60\nclientPort=%d\n"+
		"clientPortAddress=127.0.0.1\nadmin.serverPort=%d\nDigestAuthenticationProvider.superDigest=***\n",
		os.Getenv("ZOO_DATA_DIR"), os.Getenv("ZOO_DATA_LOG_DIR"), client, port), body["initial_configuration"])
	code, _ := s.stop()
	require.Equal(t, exitOK, code)
}

func TestCheck(t *testing.T) {
	good := write(t, "clientPort=2181", "clientPortAddress=127.0.0.1", "dataDir=/d", "initLimit=5", "4lw.commands.whitelist=*")
	code, out, _ := run("check", good)
	require.Equal(t, exitOK, code)
	require.Equal(t, "warning: "+good+":4: initLimit: accepted, has no meaning for a single server\n"+
		"security: 4lw.commands.whitelist=*: everybody who reaches the client port may ask for sessions, paths and addresses, and cost the "+
		"server time with wchp and wchc; list what your monitoring needs\n"+good+" can be used\n", out)
	bad := write(t, "clientPort=x", "quorum.auth.enableSasl=true")
	code, out, errs := run("check", "-Dzookeeper.snapCuont=1", bad)
	require.Equal(t, exitUsage, code)
	require.Empty(t, errs)
	require.Equal(t, "error: command line: -Dzookeeper.snapCuont: unknown key; did you mean -Dzookeeper.snapCount?\n"+
		"error: "+bad+":1: clientPort: \"x\" is not a whole number; give a whole number from 1 to 65535\n"+
		"error: "+bad+":2: quorum.auth.enableSasl: SASL comes with a later release; remove it, or stay with the original until then\n"+
		"error: "+bad+": dataDir: missing; add a line such as dataDir=/var/lib/zookeeper\n"+
		bad+" cannot be used: 4 problem(s)\n", out)
	code, out, _ = run("check", "--keys")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "| connectionMaxTokens | connection_throttle_tokens | honoured | yes |  |\n")
	require.Contains(t, out, "| ssl.crl |  | refused |")
	code, _, errs = run("check", "/no/such.cfg")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "give the path of a zoo.cfg")
}

// background is a server that runs in this process.
type background struct {
	t    *testing.T
	logs *lockedBuffer
	end  func() (int, string)
}

func serveInBackground(t *testing.T, args ...string) (string, *background) {
	t.Helper()
	line, logs, stop := servingWith(t, args...)
	return line, &background{t: t, logs: logs, end: stop}
}

func (b *background) stop() (int, string) { return b.end() }

// await waits for a part of the log.
func (b *background) await(part string) {
	b.t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for begin := time.Now(); !strings.Contains(b.logs.String(), part); <-ticker.C {
		require.Less(b.t, time.Since(begin), 20*time.Second, "no log line has %q:\n%s", part, b.logs.String())
	}
}
