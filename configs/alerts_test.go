package configs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// foreign are the metrics that Prometheus itself and its client library make.
var foreign = map[string]bool{"up": true, "process_resident_memory_bytes": true}

// An alert on a metric that does not exist never fires, and nobody notices: each name in an expression stands in the
// sources as the name of a metric.
func TestAlertsNameMetricsThatExist(t *testing.T) {
	text, err := os.ReadFile("prometheus-alerts.yml")
	require.NoError(t, err)
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &file))

	var sources strings.Builder
	for _, pattern := range []string{"../zkserver/*.go", "../zkserver/admin/*.go", "../failover/*.go"} {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, names, pattern)
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			source, err := os.ReadFile(name)
			require.NoError(t, err)
			sources.Write(source)
		}
	}

	labels := regexp.MustCompile(`\{[^}]*\}|\[[^\]]*\]`)
	metric := regexp.MustCompile(`[a-z]\w*[a-z]( *\()?`)
	words := map[string]bool{"or": true, "and": true, "unless": true, "offset": true}
	checked := 0
	for _, group := range file.Groups {
		require.NotEmpty(t, group.Rules)
		for _, rule := range group.Rules {
			require.NotEmpty(t, rule.Alert)
			for _, name := range metric.FindAllString(labels.ReplaceAllString(rule.Expr, " "), -1) {
				if strings.HasSuffix(name, "(") || words[name] || foreign[name] {
					continue
				}
				own := strings.TrimPrefix(name, "holdfast_") // the collector puts that before its names
				family := strings.TrimSuffix(strings.TrimSuffix(own, "_sum"), "_count")
				exists := regexp.MustCompile("[\"` \t\n](" + own + "|" + family + ")[\"` \t\n]")
				require.True(t, exists.MatchString(sources.String()), "%s: no metric %s", rule.Alert, name)
				checked++
			}
		}
	}
	require.Greater(t, checked, 20)
}
