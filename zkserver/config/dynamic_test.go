package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
)

const proposed = "server.3=c:2888:3888:participant;0.0.0.0:2183\nserver.1=a:2888:3888:participant;0.0.0.0:2181\n" +
	"server.2=b:2888:3888:observer;0.0.0.0:2182\nversion=100000007"

// A server starts from a zoo.cfg with server lines, hears of a proposed membership, stops, hears that it was decided.
func TestMembershipMovesToFilesOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "zoo.cfg")
	text := "# my servers\ndataDir=" + filepath.ToSlash(dir) + "\nclientPort=2181\n\ninitLimit=5\nsyncLimit=2\npeerType=participant\n" +
		"server.1=a:2888:\\\n  3888\nserver.2=b:2888:3888\nserver.3=c:2888:3888\nreconfigEnabled=true\n# the end\ngroup.1=1:2:3\nstandaloneEnabled=false"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "myid"), []byte("1"), 0o644))
	files := DynamicFiles{FS: vfs.OS(), ZooCfg: file}
	read := func(name string) string {
		t.Helper()
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		return string(b)
	}

	require.NoError(t, files.Backup())
	require.Equal(t, text, read(file+".bak"))
	require.NoError(t, files.Propose([]byte(proposed)))
	cfg, _, err := Load(file)
	require.NoError(t, err)
	require.Nil(t, cfg.LastSeen, "only beside a dynamicConfigFile, as the original")

	initial := cfg.Text()
	require.NoError(t, files.Decide(0x100000003, []byte(initial), false))
	require.NoError(t, files.Propose([]byte(proposed)))
	cfg, warnings, err := Load(file)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, int64(0x100000003), cfg.Version)
	require.Equal(t, strings.Replace(initial, "version=0", "version=100000003", 1), cfg.Text())
	require.Equal(t, 2181, cfg.ClientPort)
	require.NotNil(t, cfg.LastSeen)
	require.Equal(t, int64(0x100000007), cfg.LastSeen.Version)
	require.True(t, cfg.LastSeen.Server(2).Observer)

	require.NoError(t, files.Decide(0x100000007, []byte(proposed), true))
	require.NoFileExists(t, NextDynamicFile(file))
	name := filepath.ToSlash(file) + ".dynamic.100000007"
	require.Equal(t, "# my servers\ndataDir="+filepath.ToSlash(dir)+"\n\ninitLimit=5\nsyncLimit=2\nreconfigEnabled=true\n# the end\nstandaloneEnabled=false\n"+
		"dynamicConfigFile="+name+"\n", read(file))
	require.NotContains(t, read(name), "version", "the name of the file says it")
	cfg, _, err = Load(file)
	require.NoError(t, err)
	require.Equal(t, int64(0x100000007), cfg.Version)
	require.Equal(t, 2181, cfg.ClientPort, "from the server's line")
	require.Nil(t, cfg.LastSeen)
}

func TestBadProposedMembership(t *testing.T) {
	files := map[string]string{"/d/myid": "1", "/dyn.5": "server.1=a:1:2;2181\nserver.2=b:1:2\nserver.3=c:1:2", "zoo.cfg.dynamic.next": "server.1=a\nx=1"}
	text := "dataDir=/d\ninitLimit=5\nsyncLimit=2\nreconfigEnabled=true\ndynamicConfigFile=/dyn.5"
	_, _, problems := loadWith(text, files)
	require.Contains(t, problems, "zoo.cfg.dynamic.next:1: server.1: \"a\" does not have the form")
	require.Contains(t, problems, "zoo.cfg.dynamic.next:2: x: does not belong into a dynamic configuration file")
	cfg, _, problems := loadWith(strings.Replace(text, "true", "false", 1), files)
	require.Empty(t, problems, "nobody reads it")
	require.Equal(t, int64(5), cfg.Version)
}

// Whatever step fails, zoo.cfg is the old one or the new one, and names a file that exists.
func TestMembershipFilesWhenTheDiskFails(t *testing.T) {
	boom := errors.New("boom")
	for n := 1; ; n++ {
		mem := vfs.NewMem()
		require.NoError(t, mem.MkdirAll("/c"))
		setup := DynamicFiles{FS: mem, ZooCfg: "/c/zoo.cfg"}
		require.NoError(t, setup.replace("/c/zoo.cfg", []byte("server.1=a:1:2\nserver.2=b:1:2\n")))
		calls := 0
		failing := DynamicFiles{ZooCfg: "/c/zoo.cfg", FS: vfs.Inject(mem, func(vfs.Call) error {
			if calls++; calls == n {
				return boom
			}
			return nil
		})}
		err := failing.Decide(7, []byte(proposed), false)
		text, readErr := setup.read()
		require.NoError(t, readErr)
		if err == nil && calls < n {
			require.Greater(t, n, 10, "each step failed once")
			require.Regexp(t, `\ndynamicConfigFile=([A-Z]:)?/c/zoo.cfg.dynamic.7\n`, string(text))
			return
		}
		if err != nil {
			require.ErrorContains(t, err, "the server must be able to write into the directory of its zoo.cfg")
		}
		if strings.Contains(string(text), "dynamicConfigFile") {
			_, err := mem.Stat("/c/zoo.cfg.dynamic.7")
			require.NoError(t, err)
		} else {
			require.Contains(t, string(text), "server.2=b:1:2")
		}
	}
}
