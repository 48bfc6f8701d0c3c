package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLostBackslashes(t *testing.T) {
	_, _, problems := parse("clientPort=1\ndataDir=C:\\zk\\data\ndataLogDir=C:\\temp\n")
	require.Equal(t, `zoo.cfg:2: dataDir: "C:zkdata" is a path without a place on its drive; write C:/zk/data, or C:\\zk\\data: a single backslash is lost`+"\n"+
		`zoo.cfg:3: dataLogDir: "C:\temp" is a path without a place on its drive; write C:/zk/data, or C:\\zk\\data: a single backslash is lost`, problems)
	for _, good := range []string{`C:/zk/data`, `C:\\zk\\data`, `/zk/data`, `data`, `//server/share/zk`} {
		_, _, problems = parse("clientPort=1\ndataDir=" + good)
		require.Empty(t, problems, good)
	}
}
