//go:build unix

package e2e

import (
	"os"
	"path/filepath"
	"regexp"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdPair does what testdata/pair.txt does by hand. VAR=VALUE changes what the files in testdata/pair refer to.
func cmdPair(ts *testscript.TestScript, args []string) {
	ts.Setenv("SESSION", "20s") // longer than any step: what happens happens without an expiry
	ts.Setenv("HEALTH", "10s")  // a busy machine is not a hung NameNode
	cmdFreeport(ts, []string{"ZK", "NN1", "NN2", "FC1", "FC2"})
	for _, kv := range args {
		m := regexp.MustCompile(`^([A-Z]+)=(.*)$`).FindStringSubmatch(kv)
		if m == nil {
			ts.Fatalf("usage: pair [VAR=VALUE...]")
		}
		ts.Setenv(m[1], m[2])
	}
	ts.Setenv("NODES", "localhost:"+ts.Getenv("NN1")+",localhost:"+ts.Getenv("NN2"))
	ts.Setenv("HOLDFAST_CONFIG", ts.MkAbs("holdfast.yaml"))
	files, err := filepath.Glob(filepath.Join(of(ts).home, "testdata", "pair", "*"))
	ts.Check(err)
	for _, f := range files {
		text, err := os.ReadFile(f)
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(filepath.Base(f)), []byte(expand(ts, string(text))), 0o666))
	}
	ts.Check(os.MkdirAll(ts.MkAbs("journal"), 0o777))

	startZK(ts)
	startNN(ts, "nn1")
	startNN(ts, "nn2")
	if _, stderr, code := run(ts, []string{"zkfc", "-D", "controller.zookeeperPatience=1m", "-formatZK", "-nonInteractive"}, patience); code != 0 {
		ts.Fatalf("zkfc -formatZK: exit code %d: %s", code, stderr)
	}
	startFC(ts, "1")
	cmdUntil(ts, []string{"^active$", "haadmin", "-getServiceState", "nn1"})
	startFC(ts, "2")
	cmdUntil(ts, []string{`0x`, "zkcli", "-server", "localhost:" + ts.Getenv("ZK"), "stat", "/hadoop-ha/ns1/ActiveStandbyElectorLock"})
	cmdLogged(ts, false, []string{"fc2", standbyLine})
}

// standbyLine is in the log of a controller that has taken part in the election and has not won.
const standbyLine = "to standby state"

func startZK(ts *testscript.TestScript) {
	cmdBg(ts, []string{"zk", "zkserver", "zoo.cfg"})
	cmdLogged(ts, false, []string{"zk", "serving clients"})
}

func startNN(ts *testscript.TestScript, id string) {
	port := ts.Getenv(map[string]string{"nn1": "NN1", "nn2": "NN2"}[id])
	cmdBg(ts, []string{
		id, "nnstub", "serve", "--id", id, "--nameservice", "ns1", "--rpc-address", "localhost:" + port,
		"--journal", "journal", "--auto-failover",
	})
	cmdLogged(ts, false, []string{id, "serves on"})
}

func startFC(ts *testscript.TestScript, n string) {
	cmdBg(ts, []string{"fc" + n, "zkfc", "-D", "node=nn" + n})
}
