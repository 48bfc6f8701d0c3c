// Package deptest keeps the rules about who may import whom (docs/ARCHITECTURE.md). It looks at direct imports only: fmt
// alone drags in os, so a rule about everything behind an import would forbid everything.
package deptest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/holdfast-ha/holdfast"

// pure are the packages without I/O, clock, goroutines, locks and loggers; a file name restricts the rule to that file.
var pure = []string{
	"zkserver/zab", "zkserver/election", "zkserver/quorum", "zkserver/prep", "zkserver/tree", "zkserver/watch",
	"zkserver/session", "zkserver/auth", "zkserver/replica", "failover/decide.go", "failover/elector/machine.go",
}

var forbiddenInPure = []string{
	"os", "net", "net/http", "io/fs", "syscall", "sync", "sync/atomic", "context", "math/rand", "math/rand/v2", "log", "runtime",
	"go.uber.org/zap", "github.com/prometheus/client_golang/prometheus", module + "/internal/vfs", module + "/internal/clock",
}

// apart may not import each other, in either direction, nor anything below.
var apart = [][2]string{
	{"zkserver", "failover"}, {"zkserver", "healthcheck"}, {"zkserver", "fencing"},
}

// layers: what is on the left must not import what is on the right.
var layers = []struct{ from, to, why string }{
	{"internal/jute", module, "jute is the bottom: it imports nothing of ours"},
	{"internal/zkproto", module + "/zkserver", "imports point down"},
	{"internal/zkproto", module + "/failover", "imports point down"},
	{"zkserver", module + "/internal/cli", "the library does not know its commands"},
	{"failover", module + "/internal/cli", "the library does not know its commands"},
	{"zkserver", "github.com/spf13/viper", "settings are read in the command layer"},
	{"failover", "github.com/spf13/viper", "settings are read in the command layer"},
	{"failover", module + "/internal/haconfig", "settings are read in the command layer"},
	{"fencing", module + "/internal/haconfig", "settings are read in the command layer"},
	{"healthcheck", module + "/internal/haconfig", "settings are read in the command layer"},
	{"internal/nnstub", module + "/zkserver", "the demo NameNode needs no coordination server"},
}

func under(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

func TestImportsPointDown(t *testing.T) {
	files := 0
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata" || d.Name() == "tests" || d.Name() == "tools") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		files++
		for _, spec := range f.Imports {
			check(t, rel, strings.Trim(spec.Path.Value, `"`))
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, files, 50, "the walk did not find the project")
}

func check(t *testing.T, file, imp string) {
	t.Helper()
	dir := path.Dir(file)
	for _, p := range pure {
		if dir != p && file != p {
			continue
		}
		for _, bad := range forbiddenInPure {
			if imp == bad {
				t.Errorf("%s imports %s: %s is pure, what it needs comes in by argument", file, imp, p)
			}
		}
	}
	for _, pair := range apart {
		for _, ab := range [][2]string{pair, {pair[1], pair[0]}} {
			if under(dir, ab[0]) && under(imp, module+"/"+ab[1]) {
				t.Errorf("%s imports %s: %s and %s meet only through the client protocol", file, imp, ab[0], ab[1])
			}
		}
	}
	for _, l := range layers {
		if under(dir, l.from) && under(imp, l.to) {
			t.Errorf("%s imports %s: %s", file, imp, l.why)
		}
	}
}
