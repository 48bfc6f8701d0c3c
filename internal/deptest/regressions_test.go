package deptest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every test that docs/regressions.md names exists, in a package of that name.
func TestRegressionsNameTestsThatExist(t *testing.T) {
	const root = "../.."
	exists := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	clause := regexp.MustCompile(`(?m)^package (\w+)$`)
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(string(clause.FindSubmatch(text)[1]), "_test")
		for _, m := range declared.FindAllSubmatch(text, -1) {
			exists[name+"."+string(m[1])] = true
		}
		return nil
	})
	require.NoError(t, err)
	table, err := os.ReadFile(filepath.Join(root, "docs", "regressions.md"))
	require.NoError(t, err)
	rows := regexp.MustCompile(`(?m)^\| (\d+) \|.*$`).FindAllString(string(table), -1)
	require.Len(t, rows, 31)
	named := regexp.MustCompile("`(\\w+\\.Test\\w+)`")
	for _, row := range rows {
		tests := named.FindAllStringSubmatch(row, -1)
		require.NotEmpty(t, tests, row)
		for _, m := range tests {
			require.True(t, exists[m[1]], "%s: there is no such test", m[1])
		}
	}
}
