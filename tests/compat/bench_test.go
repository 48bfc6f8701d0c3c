//go:build compat

package compat

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A tiny comparison goes through all scenarios with both servers. What it measures means nothing.
func TestZkbenchComparesTheTwo(t *testing.T) {
	lib := filepath.Dir(zookeeper.classpath(t))
	cmd := exec.Command(program(t, "zkbench"), "compare", "--original", lib, "--zkserver", program(t, "zkserver"),
		"--dir", t.TempDir(), "--rounds", "1", "--seconds", "0.2", "--znodes", "1000", "--watchers", "20",
		"--read-rate", "500", "--write-rate", "200", "--original-heap", "256", "--json")
	code, out, errs := run(t, "", cmd)
	require.Zero(t, code, errs)
	var result struct {
		Original struct{ Version string }
		Measures []struct {
			Scenario, Name        string
			Original, Ours, Ratio float64
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out), &result))
	require.Regexp(t, `^3\.9\.`, result.Original.Version)
	scenarios := map[string]bool{}
	for _, m := range result.Measures {
		scenarios[m.Scenario] = true
		require.Positive(t, m.Original, "%s: %s", m.Scenario, m.Name)
		require.Positive(t, m.Ours, "%s: %s", m.Scenario, m.Name)
		require.Positive(t, m.Ratio, "%s: %s", m.Scenario, m.Name)
	}
	require.Len(t, scenarios, 6, "start, reads, writes, sessions, fanout and tree")
}

// The same with ensembles: leaders die, followers come back.
func TestZkbenchComparesEnsembles(t *testing.T) {
	lib := filepath.Dir(zookeeper.classpath(t))
	cmd := exec.Command(program(t, "zkbench"), "compare", "--servers", "3", "--original", lib, "--zkserver", program(t, "zkserver"),
		"--dir", t.TempDir(), "--rounds", "1", "--seconds", "0.2", "--znodes", "1000", "--only", "start,sessions,failover,join",
		"--write-rate", "200", "--original-heap", "256", "--json")
	code, out, errs := run(t, "", cmd)
	require.Zero(t, code, errs)
	var result struct {
		Servers  int
		Measures []struct {
			Scenario, Name string
			Original, Ours float64
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out), &result))
	require.Equal(t, 3, result.Servers)
	scenarios := map[string]bool{}
	for _, m := range result.Measures {
		scenarios[m.Scenario] = true
		require.Positive(t, m.Original, "%s: %s", m.Scenario, m.Name)
		require.Positive(t, m.Ours, "%s: %s", m.Scenario, m.Name)
	}
	require.Len(t, scenarios, 4)
}
