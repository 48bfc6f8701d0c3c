package release

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersionHasTheLayoutOfTheOriginal(t *testing.T) {
	require.Equal(t, "3.9.5-holdfast, built on an unknown day", versionOf(nil))
	info := &debug.BuildInfo{Settings: []debug.BuildSetting{
		{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.time", Value: "2026-01-02T03:04:05Z"},
	}}
	require.Equal(t, "3.9.5-holdfast.0123456789ab, built on 2026-01-02T03:04:05Z", versionOf(info))
	require.Regexp(t, `^3\.9\.5-holdfast\S*, built on .+$`, Version())
}
