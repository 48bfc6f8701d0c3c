package haadmin

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/haconfig"
)

// recording is one call of the original, see testdata/README.md.
type recording struct {
	Name   string
	Argv   []string
	Stdin  string
	Before string `json:"nn_before"`
	After  string `json:"nn_after"`
	RC     any    `json:"rc"` // a number, or "still running"
	Stdout string
	Stderr string
}

func (r recording) key() string { return strings.TrimSpace(strings.Join(r.Argv, " ") + " | " + r.Name) }

// differ lists the recorded calls that are answered differently on purpose, with the reason. Differences in single lines,
// for all calls, are in ofTheOriginal.
var differ = map[string]string{
	"-transitionToActive --forcemanual nn2 | end of file on stdin: asks for ever": "the end of standard input is an answer: no (TestEndOfInputIsNo)",
	"-D ipc.client.connect.max.retries=0 -getServiceState nn1 | generic -D option first": "-D sets keys of holdfast.yaml; " +
		"an unknown one is refused (TestUnknownSettingIsRefused)",
	"-getAllServiceState | right after": "shows what the original's controllers did between two calls, not what haadmin does",
}

// ofTheOriginal are lines of the recordings that are not compared: those of the Java platform, and those that we leave out.
var ofTheOriginal = []*regexp.Regexp{
	regexp.MustCompile(`TIME WARN util\.NativeCodeLoader: .*\n`),
	regexp.MustCompile(`(?m)^TIME INFO ipc\.Client: Retrying connect .*\n`), // we do not sleep a second and try again
	regexp.MustCompile(`(?m)(^(\tat |Caused by: |\t\.\.\. ).*\n)+\n?`),      // stack traces
	// Ours names the process, and runs once: the original runs the method on the failover's target too.
	regexp.MustCompile(`(?m)^TIME INFO ha\.ShellCommandFencer: Launched .*\n`),
	// Generic options of MapReduce.
	regexp.MustCompile(`(?m)^-(jt|files|libjars|archives) <.*\n`),
}

var (
	timestamp = regexp.MustCompile(`\d\d/\d\d/\d\d \d\d:\d\d:\d\d `)
	caller    = regexp.MustCompile(`Call From [^ ]+ to`)
)

func normal(text string) string {
	text = timestamp.ReplaceAllString(text, "TIME ")
	text = caller.ReplaceAllString(text, "Call From HERE to")
	for _, r := range ofTheOriginal {
		text = r.ReplaceAllString(text, "")
	}
	return text
}

func TestAnswersAreThoseOfTheOriginal(t *testing.T) {
	seen := map[string]bool{}
	for _, as := range []struct {
		file   string
		hadoop bool
	}{{"auto", false}, {"manual", false}, {"auto", true}, {"manual", true}} {
		file := as.file
		text, err := os.ReadFile("testdata/" + file + ".json")
		require.NoError(t, err)
		var all []recording
		require.NoError(t, json.Unmarshal(text, &all))
		require.Greater(t, len(all), 30)
		for i, r := range all {
			if _, ok := differ[r.key()]; ok && (!as.hadoop || r.Argv[0] != "-D") { // with Hadoop's files its keys are known
				seen[r.key()] = true
				continue
			}
			if len(r.Argv) == 0 { // of zkfc's: see there
				continue
			}
			t.Run(fmt.Sprintf("%s %t %d %s", file, as.hadoop, i, r.key()), func(t *testing.T) { replay(t, r, file == "auto", as.hadoop) })
		}
	}
	for k := range differ {
		require.True(t, seen[k], "no such recording: "+k)
	}
}

// downIsSuccess tells whether the original exits with 0 though a node is down: we do so only by a key.
func downIsSuccess(r recording) bool {
	return r.Argv[len(r.Argv)-1] == "-getAllServiceState" && strings.Contains(r.Stdout, "Failed to connect")
}

func replay(t *testing.T, r recording, auto, hadoop bool) {
	t.Helper()
	first, second, ok := strings.Cut(r.Before, "/")
	require.True(t, ok)
	zkfcDown := ""
	if r.Name == "the target's ZKFC is down" {
		zkfcDown = "nn2"
	}
	l := newLab(t, auto, "shell(exit 0)", [2]string{first, second}, zkfcDown)
	if hadoop {
		l.toHadoop(t, auto)
	}
	args := r.Argv
	if downIsSuccess(r) {
		key := "admin.failWhenDown=false"
		if hadoop {
			key = haconfig.OwnPrefix + key
		}
		code, _, _ := l.run("", args...)
		require.Equal(t, 255, code, "a node is down")
		args = append([]string{"-D", key}, args...)
	}
	code, stdout, stderr := l.run(r.Stdin, args...)
	ports := strings.NewReplacer(
		fmt.Sprint(":", l.nodes[0].port), ":23020", fmt.Sprint(":", l.nodes[1].port), ":24020",
		fmt.Sprint(":", l.nodes[0].zkfcPort), ":23019", fmt.Sprint(":", l.nodes[1].zkfcPort), ":24019",
		"(exit 0)", "(/bin/true)") // which Windows has not
	theirs, ours := normal(r.Stderr), normal(ports.Replace(stderr))
	if r.Argv[0] == "-ns" && len(r.Argv) > 2 && r.Argv[1] == "bad" { // we say besides which ones there are, and where
		var hint string
		ours, hint, _ = strings.Cut(ours, "haadmin: "+l.conf)
		require.Contains(t, hint, "nameservices has ns1 (nn1, nn2)\n")
	}
	if !hadoop { // the recordings' configuration has an address, holdfast.yaml has a name
		name := strings.NewReplacer("localhost/127.0.0.1:", "/127.0.0.1:")
		theirs, ours = name.Replace(theirs), name.Replace(ours)
	}
	require.Equal(t, theirs, ours)
	require.Equal(t, normal(r.Stdout), normal(ports.Replace(stdout)))
	require.EqualValues(t, r.RC, code)
	require.Equal(t, r.After, l.nodes[0].describe()+"/"+l.nodes[1].describe())
}
