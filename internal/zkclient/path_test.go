package zkclient

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPathsAreCheckedAsTheOriginalDoes(t *testing.T) {
	for path, want := range map[string]string{
		"/": "", "/a": "", "/a/b.c": "", "/..a": "", "/a..": "", "/a.": "", "/.a": "", "/é": "",
		"":            "Path length must be > 0",
		"a":           "Path must start with / character",
		"/a/":         "Path must not end with / character",
		"//a":         `Invalid path string "//a" caused by empty node name specified @1`,
		"/a//b":       `Invalid path string "/a//b" caused by empty node name specified @3`,
		"/a/..":       `Invalid path string "/a/.." caused by relative paths not allowed @4`,
		"/./a":        `Invalid path string "/./a" caused by relative paths not allowed @1`,
		"/a/../b":     `Invalid path string "/a/../b" caused by relative paths not allowed @4`,
		"/a\x00":      "Invalid path string \"/a\x00\" caused by null character not allowed @2",
		"/a\x1f":      "Invalid path string \"/a\x1f\" caused by invalid character @2",
		"/\U0001f600": "Invalid path string \"/\U0001f600\" caused by invalid character @1",
	} {
		err := ValidatePath(path)
		if want == "" {
			require.NoError(t, err, path)
			continue
		}
		require.EqualError(t, err, want)
	}
}

func TestConnectStrings(t *testing.T) {
	for in, want := range map[string]struct {
		servers []string
		chroot  string
	}{
		"h":                  {[]string{"h:2181"}, ""},
		"h:1, g:2":           {[]string{"h:1", "g:2"}, ""},
		"h:1,g/app/x":        {[]string{"h:1", "g:2181"}, "/app/x"},
		"[::1],[fe80::1]:99": {[]string{"[::1]:2181", "[fe80::1]:99"}, ""},
		"h/":                 {[]string{"h:2181"}, ""},
	} {
		servers, chroot, err := SplitServers(in)
		require.NoError(t, err, in)
		require.Equal(t, want.servers, servers, in)
		require.Equal(t, want.chroot, chroot, in)
	}
	for _, in := range []string{"", ",", "/app", "::1", "h:1/a/", "h:1/a//b"} {
		_, _, err := SplitServers(in)
		require.Error(t, err, in)
	}
}

func TestXidsStayPositive(t *testing.T) {
	require.EqualValues(t, 1, nextXid(0))
	require.EqualValues(t, 1<<31-1, nextXid(1<<31-2))
	require.EqualValues(t, 1, nextXid(1<<31-1))
}
