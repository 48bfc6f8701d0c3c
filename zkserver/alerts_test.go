package zkserver

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/admin"
)

// An alert on a metric that does not exist never fires. What is asked of zkfc is checked in configs.
func TestSampleAlertsAskForWhatThereIs(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.startAll()
	families, err := e.leader().Registry().Gather()
	require.NoError(t, err)
	known := map[string]bool{"up": true}
	for _, f := range families {
		for _, suffix := range []string{"", "_sum", "_count"} {
			known[f.GetName()+suffix] = true
		}
	}
	text, err := os.ReadFile(filepath.Join("..", "configs", "prometheus-alerts.yml"))
	require.NoError(t, err)
	alerts, words := 0, []string{"and", "count", "increase", "or", "rate", "vector"}
	braces := regexp.MustCompile(`\{[^}]*\}|\[[^\]]*\]`)
	names := regexp.MustCompile(`[a-z][a-z_]{2,}`)
	for line := range strings.Lines(string(text)) {
		_, expr, ok := strings.Cut(line, "expr: ")
		if !ok || strings.Contains(expr, "zkfc") {
			continue
		}
		alerts++
		for _, name := range names.FindAllString(braces.ReplaceAllString(expr, ""), -1) {
			if !slices.Contains(words, name) {
				require.True(t, known[name], "%s of: %s", name, expr)
			}
		}
	}
	require.Greater(t, alerts, 15)
	require.Equal(t, admin.Serving, e.leader().State())
}
