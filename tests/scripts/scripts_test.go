//go:build unix

// Package scripts runs the shell scripts of bin/ as an operator's own scripts do.
package scripts

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// echo stands in for a program: it prints its name, its arguments and the variables it was given.
const echo = `#!/bin/sh
echo "$(basename "$0")" "$@"
echo "ZOOCFGDIR=$ZOOCFGDIR ZOOCFG=$ZOOCFG ZOO_LOG_DIR=$ZOO_LOG_DIR SERVER_JVMFLAGS=$SERVER_JVMFLAGS"
`

// install puts the scripts into a directory as they are installed, with a conf beside it, and echoes where programs are.
func install(t *testing.T, programs string) (root string) {
	t.Helper()
	root = t.TempDir()
	scripts, err := filepath.Glob(filepath.Join("..", "..", "bin", "*.sh"))
	require.NoError(t, err)
	require.Len(t, scripts, 12)
	for _, dir := range []string{"bin", "conf", "path"} {
		require.NoError(t, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	for _, s := range scripts {
		text, err := os.ReadFile(s)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(root, "bin", filepath.Base(s)), text, 0o755))
	}
	for _, p := range []string{"zkserver", "zkcli", "zktool", "zkfc", "haadmin"} {
		require.NoError(t, os.WriteFile(filepath.Join(root, programs, p), []byte(echo), 0o755))
	}
	cfg := "# dataDir=/no\n  dataDir = /data \nclientPort=2181\ndataLogDir=/logs\n"
	require.NoError(t, os.WriteFile(filepath.Join(root, "conf", "zoo.cfg"), []byte(cfg), 0o644))
	return root
}

// call runs a script with the variables added and returns its exit code and outputs, in which root is ROOT.
func call(t *testing.T, root string, env []string, script string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(root, "bin", script), args...)
	cmd.Env = append([]string{"PATH=" + filepath.Join(root, "path") + ":/usr/bin:/bin", "HOME=" + root}, env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	name := func(b bytes.Buffer) string { return strings.ReplaceAll(b.String(), root, "ROOT") }
	return cmd.ProcessState.ExitCode(), name(out), name(errs)
}

func TestEachScriptCallsItsProgram(t *testing.T) {
	const env = "ZOOCFGDIR=ROOT/bin/../conf ZOOCFG=zoo.cfg ZOO_LOG_DIR=ROOT/bin/../logs SERVER_JVMFLAGS=\n"
	for _, where := range []string{"bin", "path"} {
		root := install(t, where)
		for line, want := range map[string]string{
			"zkCli.sh -server h:1 get /a":                         "zkcli -server h:1 get /a",
			"zkCli.sh":                                            "zkcli",
			"zkServer.sh start":                                   "zkserver start",
			"zkServer.sh start-foreground my.cfg":                 "zkserver start-foreground my.cfg",
			"zkServer.sh status":                                  "zkserver status",
			"zkServer-initialize.sh --force --myid=3":             "zkserver init --configfile=ROOT/bin/../conf/zoo.cfg --myid=3 --force",
			"zkServer-initialize.sh --configfile=/x.cfg":          "zkserver init --configfile=/x.cfg",
			"zkServer-initialize.sh --myid 3 --configfile /x.cfg": "zkserver init --configfile=/x.cfg --myid=3",
			"zkCleanup.sh -n 5":                                   "zktool PurgeTxnLog -live /logs /data -n 5",
			"zkTxnLogToolkit.sh -r -y log.1":                      "zktool TxnLogToolkit -r -y log.1",
			"zkSnapShotToolkit.sh -json s.1":                      "zktool SnapshotFormatter -json s.1",
			"zkSnapshotComparer.sh -l a -r b -b 1 -n 1":           "zktool SnapshotComparer -l a -r b -b 1 -n 1",
			"zkSnapshotRecursiveSummaryToolkit.sh s.1 / 2":        "zktool SnapshotRecursiveSummary s.1 / 2",
		} {
			words := strings.Fields(line)
			code, out, stderr := call(t, root, nil, words[0], words[1:]...)
			require.Zero(t, code, "%s: %s", line, stderr)
			require.Equal(t, want+"\n"+env, out, line)
		}
	}
}

func TestConfigurationDirectoryAndItsFiles(t *testing.T) {
	root := install(t, "bin")
	other := filepath.Join(root, "other dir")
	require.NoError(t, os.Mkdir(other, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(other, "zookeeper-env.sh"), []byte("ZOO_LOG_DIR=/my/logs\nZOOCFG=mine.cfg\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(other, "java.env"), []byte("SERVER_JVMFLAGS=-Dzookeeper.snapCount=7\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(other, "mine.cfg"), []byte("dataDir=/only\n"), 0o644))
	const env = "ZOOCFGDIR=ROOT/other dir ZOOCFG=mine.cfg ZOO_LOG_DIR=/my/logs SERVER_JVMFLAGS=-Dzookeeper.snapCount=7\n"

	_, out, _ := call(t, root, nil, "zkServer.sh", "--config", other, "start")
	require.Equal(t, "zkserver --config ROOT/other dir start\n"+env, out)
	_, out, _ = call(t, root, []string{"ZOOCFGDIR=" + other}, "zkServer.sh", "start")
	require.Equal(t, "zkserver start\n"+env, out)
	_, out, _ = call(t, root, nil, "zkCleanup.sh", "--config", other, "-n", "3")
	require.Equal(t, "zktool PurgeTxnLog -live /only /only -n 3\n"+env, out)
	_, out, _ = call(t, root, []string{"ZOOCFGDIR=" + other}, "zkServer-initialize.sh")
	require.Equal(t, "zkserver init --configfile=ROOT/other dir/mine.cfg\n"+env, out)
}

// Every end that is not a success is 1 there, that of a question for help, too, and its words go to standard output.
func TestInitializeEndsAsTheOriginalDoes(t *testing.T) {
	root := install(t, "bin")
	for line, want := range map[string]string{
		"-h": "", "--help": "", "--myid=3 -h": "", "--configfile=": "Unknown option: --configfile=\n", "-x": "Unknown option: -x\n", "zoo.cfg": "Unknown option: zoo.cfg\n",
		"--force --frobnicate": "Unknown option: --frobnicate\n", "--myid": "--myid needs a value\n", "--force --configfile": "--configfile needs a value\n",
	} {
		code, out, stderr := call(t, root, nil, "zkServer-initialize.sh", strings.Fields(line)...)
		require.Equal(t, 1, code, line)
		require.Empty(t, stderr, line)
		require.True(t, strings.HasPrefix(out, want+"usage: "), "%s: %s", line, out)
		require.Contains(t, out, "--configfile=FILE   ZooKeeper config file (default ROOT/bin/../conf/zoo.cfg)", line)
	}
	code, out, _ := call(t, root, nil, "zkServer-initialize.sh", "--configfile", "/a b.cfg", "--force")
	require.Zero(t, code)
	require.Contains(t, out, "zkserver init --configfile=/a b.cfg --force\n")
	require.NoError(t, os.WriteFile(filepath.Join(root, "bin", "zkserver"), []byte("#!/bin/sh\necho said\nexit 2\n"), 0o755))
	code, out, _ = call(t, root, nil, "zkServer-initialize.sh", "--myid=999")
	require.Equal(t, 1, code)
	require.Equal(t, "said\n", out)
}

func TestJMXPortIsToldToMeanNothing(t *testing.T) {
	root := install(t, "bin")
	for what, told := range map[string]bool{"start": true, "start-foreground": true, "restart": true, "stop": false, "status": false} {
		code, out, stderr := call(t, root, []string{"JMXPORT=9010"}, "zkServer.sh", what)
		require.Zero(t, code)
		require.Contains(t, out, "zkserver "+what+"\n")
		require.Equal(t, told, strings.Contains(stderr, "JMXPORT has no meaning here"), what)
	}
	_, _, stderr := call(t, root, nil, "zkServer.sh", "start")
	require.Empty(t, stderr)
}

func TestScriptsOfTheController(t *testing.T) {
	root := install(t, "bin")
	code, out, stderr := call(t, root, nil, "zkfc.sh", "--config", root, "-formatZK", "-force")
	require.Zero(t, code, stderr)
	require.Contains(t, out, "zkfc -formatZK -force\n")
	code, out, stderr = call(t, root, nil, "haadmin.sh", "-getServiceState", "nn1")
	require.Zero(t, code, stderr)
	require.Contains(t, out, "haadmin -getServiceState nn1\n")

	daemon := []string{"HADOOP_PID_DIR=" + root, "HADOOP_LOG_DIR=" + root, "HADOOP_IDENT_STRING=me"}
	code, _, _ = call(t, root, daemon, "zkfc.sh", "--daemon", "status", "x")
	require.Equal(t, 3, code, "it is stopped")
	code, _, stderr = call(t, root, daemon, "zkfc.sh", "--daemon", "start", "-x")
	require.Equal(t, 1, code, "the program that stands in for it ends at once")
	require.Contains(t, stderr, "zkfc ended at once")
	require.Contains(t, stderr, "zkfc -x\n", "the end of the log")
	require.NoFileExists(t, filepath.Join(root, "hadoop-me-zkfc.pid"))
}

// hadoop-env.sh says where the files of the daemons are, and wins over the environment.
func TestControllerReadsHadoopsEnvironmentFiles(t *testing.T) {
	root := install(t, "bin")
	require.NoError(t, os.WriteFile(filepath.Join(root, "bin", "zkfc"), []byte("#!/bin/sh\necho logs in $HADOOP_LOG_DIR, $HDFS_ZKFC_OPTS\n[ $# -gt 0 ] || exec sleep 100\n"), 0o755))
	conf := filepath.Join(root, "my conf")
	require.NoError(t, os.Mkdir(conf, 0o755))
	env := "export HADOOP_LOG_DIR='" + root + "/my logs'\nHADOOP_IDENT_STRING=$(echo hdfs)\n[[ -n $HADOOP_CONF_DIR ]] && HADOOP_PID_DIR=/nowhere\necho noise\nHDFS_ZKFC_OPTS=-Dzookeeper.client.secure=true\n"
	require.NoError(t, os.WriteFile(filepath.Join(conf, "hadoop-env.sh"), []byte(env), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(conf, "hdfs-env.sh"), []byte("HADOOP_PID_DIR="+root+"\n"), 0o644))
	code, _, stderr := call(t, root, []string{"HADOOP_LOG_DIR=/wrong"}, "zkfc.sh", "--config", conf, "--daemon", "start")
	require.Zero(t, code, stderr)
	require.FileExists(t, filepath.Join(root, "hadoop-hdfs-zkfc.pid"))
	logs, err := filepath.Glob(filepath.Join(root, "my logs", "hadoop-hdfs-zkfc-*.log"))
	require.NoError(t, err)
	require.Len(t, logs, 1)
	text, err := os.ReadFile(logs[0])
	require.NoError(t, err)
	const told = "/my logs, -Dzookeeper.client.secure=true\n"
	require.Equal(t, "logs in "+root+told, string(text))
	_, out, stderr := call(t, root, nil, "zkfc.sh", "--config", conf, "-formatZK")
	require.Contains(t, out, told, stderr)
	code, out, stderr = call(t, root, nil, "zkfc.sh", "--config", conf, "--daemon", "status")
	require.Zero(t, code, stderr)
	require.Contains(t, out, "zkfc is running as process ")
	code, _, stderr = call(t, root, nil, "zkfc.sh", "--config", conf, "--daemon", "stop")
	require.Zero(t, code, stderr)
	require.NoFileExists(t, filepath.Join(root, "hadoop-hdfs-zkfc.pid"))

	require.NoError(t, os.WriteFile(filepath.Join(conf, "hdfs-env.sh"), []byte("exit 3\n"), 0o644))
	code, _, stderr = call(t, root, nil, "zkfc.sh", "--config", conf, "--daemon", "status")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "hadoop-env.sh or hdfs-env.sh in ROOT/my conf fails")
}

// hdfs is how Hadoop's script of that name runs a subcommand, as far as functions of the user are concerned (Unix Shell Guide).
const hdfs = `#!/usr/bin/env bash
. "$HADOOP_CONF_DIR/hadoop-user-functions.sh"
HADOOP_SUBCMD=$1
shift
HADOOP_PID_DIR=$TEST_ROOT
HADOOP_LOG_DIR=$TEST_ROOT
HADOOP_IDENT_STRING=me
if declare -f hdfs_subcommand_"$HADOOP_SUBCMD" >/dev/null 2>&1; then
  hdfs_subcommand_"$HADOOP_SUBCMD" "$@"
fi
echo "the original's $HADOOP_SUBCMD" "$@"
`

func TestHDFSRunsOursByOneLine(t *testing.T) {
	root := install(t, "bin")
	require.NoError(t, os.WriteFile(filepath.Join(root, "bin", "hdfs"), []byte(hdfs), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "bin", "zkfc"), []byte("#!/bin/sh\necho zkfc $* by $HADOOP_CONF_DIR\n[ $# -gt 0 ] || exec sleep 100\n"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "conf", "hadoop-user-functions.sh"), []byte(". '"+root+"/bin/hdfs-functions.sh'\n"), 0o644))
	env := []string{"HADOOP_CONF_DIR=" + filepath.Join(root, "conf"), "TEST_ROOT=" + root}
	for line, want := range map[string]string{
		"zkfc -formatZK -force":     "zkfc -formatZK -force by ROOT/conf\n",
		"haadmin -failover nn1 nn2": "haadmin -failover nn1 nn2\n",
		"haadmin -ns ns1 -help":     "haadmin -ns ns1 -help\n",
		"dfs -ls /":                 "the original's dfs -ls /\n",
	} {
		code, out, stderr := call(t, root, env, "hdfs", strings.Fields(line)...)
		require.Zero(t, code, stderr)
		require.Contains(t, out, want)
	}
	_, out, _ := call(t, root, append(env, "HADOOP_WORKER_MODE=true"), "hdfs", "zkfc")
	require.Equal(t, "the original's zkfc\n", out, "that script asks the other machines")

	code, _, stderr := call(t, root, append(env, "HADOOP_DAEMON_MODE=start"), "hdfs", "zkfc")
	require.Zero(t, code, stderr)
	require.FileExists(t, filepath.Join(root, "hadoop-me-zkfc.pid"))
	code, _, stderr = call(t, root, append(env, "HADOOP_DAEMON_MODE=stop"), "hdfs", "zkfc")
	require.Zero(t, code, stderr)
	code, _, _ = call(t, root, append(env, "HADOOP_DAEMON_MODE=status"), "hdfs", "zkfc")
	require.Equal(t, 3, code)
}

// A stop ends the controller by SIGTERM, which hands an active node's role over; a restart by SIGUSR1, which keeps it.
func TestRestartOfTheControllerKeepsItsRole(t *testing.T) {
	root := install(t, "bin")
	said := filepath.Join(root, "said")
	program := "#!/bin/sh\nfor s in TERM USR1; do trap \"echo $s \\$* >>'" + said + "'; exit 0\" $s; done\n" +
		"echo began $* >>'" + said + "'\nwhile :; do sleep 0.05; done\n"
	require.NoError(t, os.WriteFile(filepath.Join(root, "bin", "zkfc"), []byte(program), 0o755))
	daemon := []string{"HADOOP_PID_DIR=" + root, "HADOOP_LOG_DIR=" + root, "HADOOP_IDENT_STRING=me", "HADOOP_STOP_TIMEOUT=30"}
	for _, what := range []string{"restart", "restart", "stop", "stop", "start", "stop"} {
		code, _, stderr := call(t, root, daemon, "zkfc.sh", "--daemon", what, "-x")
		require.Zero(t, code, "%s: %s", what, stderr)
	}
	text, err := os.ReadFile(said)
	require.NoError(t, err)
	require.Equal(t, "began -x\nUSR1 -x\nbegan -x\nTERM -x\nbegan -x\nTERM -x\n", string(text))
	code, _, _ := call(t, root, daemon, "zkfc.sh", "--daemon", "status", "x")
	require.Equal(t, 3, code, "it is stopped")
}

func TestScriptsCalledByLinks(t *testing.T) {
	root := install(t, "bin")
	links := filepath.Join(root, "links")
	require.NoError(t, os.Mkdir(links, 0o755))
	require.NoError(t, os.Symlink("../bin/zkCli.sh", filepath.Join(links, "near")))
	require.NoError(t, os.Symlink(filepath.Join(links, "near"), filepath.Join(links, "far.sh")))
	_, out, stderr := call(t, root, nil, filepath.Join("..", "links", "far.sh"), "ls", "/")
	require.Contains(t, out, "zkcli ls /\n", stderr)
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	root := install(t, "bin")
	for _, p := range []string{"zkserver", "zkcli", "zktool"} {
		require.NoError(t, os.Remove(filepath.Join(root, "bin", p)))
	}
	for _, script := range []string{"zkCli.sh", "zkServer.sh", "zkServer-initialize.sh", "zkCleanup.sh", "zkTxnLogToolkit.sh"} {
		code, _, stderr := call(t, root, nil, script)
		require.Equal(t, 1, code, script)
		require.Contains(t, stderr, "is neither beside this script (ROOT/bin) nor on PATH", script)
	}
	require.NoError(t, os.Remove(filepath.Join(root, "conf", "zoo.cfg")))
	code, _, stderr := call(t, root, nil, "zkCleanup.sh", "-n", "3")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "cannot read ROOT/bin/../conf/zoo.cfg")
	code, _, stderr = call(t, root, []string{"CLIENT_JVMFLAGS=-Djava.security.auth.login.config=/jaas.conf"}, "zkCli.sh")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "SASL")
}

// The twins for Windows cannot be run here: they call what the scripts call, and have the ends of lines that cmd.exe wants.
func TestWindowsTwins(t *testing.T) {
	twins, err := filepath.Glob(filepath.Join("..", "..", "bin", "*.cmd"))
	require.NoError(t, err)
	require.Len(t, twins, 9)
	for _, twin := range twins {
		b, err := os.ReadFile(twin)
		require.NoError(t, err)
		text := string(b)
		require.Equal(t, strings.Count(text, "\n"), strings.Count(text, "\r\n"), twin)
		if filepath.Base(twin) == "zkEnv.cmd" {
			continue
		}
		script, err := os.ReadFile(strings.TrimSuffix(twin, ".cmd") + ".sh")
		require.NoError(t, err, "it has no sister")
		require.Contains(t, text, `call "%~dp0zkEnv.cmd"`)
		_, call, _ := strings.Cut(text, `"%HOLDFAST%`)
		program, rest, ok := strings.Cut(call, ".exe\" ")
		require.True(t, ok, twin)
		require.Regexp(t, `(program |\$bin/)`+program+`\b`, string(script))
		if program == "zktool" {
			tool, _, _ := strings.Cut(rest, " ")
			require.Contains(t, string(script), `"$program" `+tool+` "$@"`)
		}
		require.Contains(t, text, "exit /b %ERRORLEVEL%")
	}
}
