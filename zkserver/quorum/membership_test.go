package quorum

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func parse(t testing.TB, lines ...string) *Membership {
	t.Helper()
	m, err := ParseMembership([]byte(strings.Join(lines, "\n")))
	require.NoError(t, err)
	return m
}

// TestTextIsTheOriginals : testdata/cN.text, .next and .file are what ZooKeeper 3.9.5 makes of cN.in, in its order.
func TestTextIsTheOriginals(t *testing.T) {
	inputs, err := filepath.Glob("testdata/c*.in")
	require.NoError(t, err)
	require.Len(t, inputs, 5)
	for _, path := range inputs {
		t.Run(filepath.Base(path), func(t *testing.T) {
			read := func(ext string) string {
				b, err := os.ReadFile(strings.TrimSuffix(path, ".in") + ext)
				require.NoError(t, err)
				return strings.ReplaceAll(string(b), "\r\n", "\n")
			}
			m := parse(t, read(".in"))
			require.Equal(t, read(".text"), m.String())
			require.Equal(t, read(".next"), string(m.File(true)))
			require.Equal(t, read(".file"), string(m.File(false)))
			again := parse(t, m.String())
			require.Equal(t, m.String(), again.String())
			require.True(t, m.Same(again))
			require.Equal(t, m.Version, again.Version)
		})
	}
}

func TestQuorumFollowsFromTheLines(t *testing.T) {
	m := parse(t, "server.1=a:1:2", "server.2=b:1:2", "server.3=c:1:2:observer")
	require.Equal(t, []Sid{1, 2}, m.Quorum.Voters())
	require.IsType(t, &Majority{}, m.Quorum)
	require.True(t, m.IsVoter(2))
	require.False(t, m.IsVoter(3))
	require.False(t, m.IsVoter(4))
	h := parse(t, "server.1=a:1:2", "server.2=b:1:2", "server.3=c:1:2:observer", "group.1=1:2:3", "weight.1=3", "weight.3=9")
	require.True(t, h.Quorum.Contains(Of(h.Quorum, 1)), "3 of 4; an observer has no weight")
	require.False(t, h.Quorum.Contains(Of(h.Quorum, 2)))
	require.Nil(t, parse(t, "server.1=a:1:2:observer").Quorum)
	require.False(t, m.Same(h))
	require.True(t, m.Same(m.WithVersion(7)))
	require.Equal(t, int64(7), m.WithVersion(7).Version)
	require.Equal(t, int64(0), m.Version)
}

func TestPropertiesSyntax(t *testing.T) {
	m := parse(t, "# a comment", "! another", "", "  server.1 = a:1:2;3 ", `server.2=b\:1\:2`, "server.2: c:1:2", "version=1F")
	require.Len(t, m.Members, 2)
	require.Equal(t, "a:1:2:participant;0.0.0.0:3", m.Members[0].String())
	require.Equal(t, "c", m.Members[1].Addresses[0].Host, "the last of a key counts")
	require.Equal(t, int64(0x1f), m.Version)
	require.Equal(t, "b:1:2:participant", parse(t, `server.2=b\:1\:2`).Members[0].String())
}

func TestBadConfigurationsAreRefused(t *testing.T) {
	for line, want := range map[string]string{
		"server.1=a":                                "does not have the form",
		"server.1=a:1":                              "does not have the form",
		"server.1=a:1:2:3:4":                        "does not have the form",
		"server.1=:1:2":                             "does not have the form",
		"server.1=a:1:2;3;4":                        "does not have the form",
		"server.1=[::1:1:2":                         "does not have the form",
		"server.1=a:x:2":                            "quorum port",
		"server.1=a:1:70000":                        "election port",
		"server.1=a:1:1":                            "must differ",
		"server.1=a:1:2:king":                       "unknown role",
		"server.1=a:1:2;b:c:3":                      "client address",
		"server.1=a:1:2;b:c":                        "client port",
		"server.1=a:1:2:observer|b:1:2:participant": "different roles",
		"server.x=a:1:2":                            "has no number",
		"server.-1=a:1:2":                           "has no number",
		"clientPort=2181":                           "unknown key",
		"version=z":                                 "no hexadecimal number",
		"group.1=x":                                 "no server id",
		"weight.1=x":                                "no number",
		"server.1=a:1:2\nweight.1=1":                "in no group",
		"server.1=a:1:2\ngroup.1=1\ngroup.2=1":      "several groups",
	} {
		_, err := ParseMembership([]byte(line))
		require.ErrorContains(t, err, want, line)
	}
	_, err := NewMembership([]Member{{ID: 1}, {ID: 1}}, nil, nil, 0)
	require.ErrorContains(t, err, "twice")
	_, err = NewMembership([]Member{{ID: -1}}, nil, nil, 0)
	require.ErrorContains(t, err, "negative")
}

func TestCheck(t *testing.T) {
	require.Error(t, parse(t, "server.1=a:1:2:observer").Check(true))
	require.Error(t, parse(t, "server.1=a:1:2", "server.2=b:1:2:observer").Check(true))
	require.NoError(t, parse(t, "server.1=a:1:2", "server.2=b:1:2:observer").Check(false))
	require.NoError(t, parse(t, "server.1=a:1:2", "server.2=b:1:2").Check(true))
}

// TestIncrementalTextIsTheOriginals : the order of lines after -remove and -add, as recorded from ZooKeeper 3.9.5.
func TestIncrementalTextIsTheOriginals(t *testing.T) {
	want, err := os.ReadFile("testdata/change.text")
	require.NoError(t, err)
	cur := parse(t, "server.1=a:1:2;3", "server.2=b:1:2;3", "server.9=c:1:2;3")
	next, err := Reconfigure(cur, &zkproto.ReconfigRequest{
		Leaving: "2", Joining: "server.16=d:1:2;3,server.12=e:1:2:observer;3", CurConfigID: -1,
	}, 0x100000007, Rules{Standalone: true})
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), next.String())
}

func TestReconfigure(t *testing.T) {
	cur := parse(t, "server.1=a:1:2;3", "server.2=b:1:2;3", "server.3=c:1:2;3", "version=5")
	groups := parse(t, "server.1=a:1:2;3", "server.2=b:1:2;3", "group.1=1:2")
	type req = zkproto.ReconfigRequest
	for name, c := range map[string]struct {
		cur  *Membership
		req  req
		want string // members, or the reason
		code zkproto.Error
	}{
		"add":                {cur, req{Joining: "server.4=d:1:2;3", CurConfigID: 5}, "1 2 3 4", 0},
		"add an observer":    {cur, req{Joining: " server.4=d:1:2:observer;3 ,", CurConfigID: -1}, "1 2 3 4o", 0},
		"remove":             {cur, req{Leaving: "3", CurConfigID: -1}, "1 2", 0},
		"remove a stranger":  {cur, req{Leaving: "9", CurConfigID: -1}, "1 2 3", 0},
		"change a role":      {cur, req{Joining: "3=c:1:2:observer;3", CurConfigID: -1}, "1 2 3o", 0},
		"swap":               {cur, req{Leaving: "1,2", Joining: "server.4=a:1:2;3,server.5=b:1:2;3", CurConfigID: -1}, "3 4 5", 0},
		"members":            {cur, req{NewMembers: "server.1=a:1:2;3,server.7=z:1:2;3", CurConfigID: -1}, "1 7", 0},
		"members, groups":    {cur, req{NewMembers: "server.1=a:1:2;3\nserver.7=z:1:2;3\ngroup.1=1:7", CurConfigID: -1}, "1 7", 0},
		"wrong version":      {cur, req{Leaving: "3", CurConfigID: 4}, "it is for version 4, the current one is 5", zkproto.ErrBadVersion},
		"too few":            {cur, req{Leaving: "2,3", CurConfigID: -1}, "at least 2 participants", zkproto.ErrBadArguments},
		"no number":          {cur, req{Leaving: "x", CurConfigID: -1}, "no server id", zkproto.ErrBadArguments},
		"no equals sign":     {cur, req{Joining: "server.4", CurConfigID: -1}, "cannot add", zkproto.ErrBadArguments},
		"no id":              {cur, req{Joining: "server.=d:1:2;3", CurConfigID: -1}, "server id", zkproto.ErrBadArguments},
		"no client port":     {cur, req{Joining: "server.4=d:1:2", CurConfigID: -1}, "client port is missing", zkproto.ErrBadArguments},
		"address taken":      {cur, req{Joining: "server.4=c:1:9;4", CurConfigID: -1}, "address c:1 of server 4 is that of server 3", zkproto.ErrBadArguments},
		"several addresses":  {cur, req{Joining: "server.4=d:1:2|e:1:2;4", CurConfigID: -1}, "multiAddress.enabled", zkproto.ErrBadArguments},
		"unknown key":        {cur, req{NewMembers: "server.1=a:1:2;3,syncLimit=5", CurConfigID: -1}, "unknown key", zkproto.ErrBadArguments},
		"groups, by parts":   {groups, req{Leaving: "2", CurConfigID: -1}, "whole new configuration", zkproto.ErrBadArguments},
		"loopback is shared": {cur, req{Joining: "server.4=127.0.0.1:1:2;3,server.5=127.0.0.1:1:2;3", CurConfigID: -1}, "1 2 3 4 5", 0},
	} {
		t.Run(name, func(t *testing.T) {
			next, err := Reconfigure(c.cur, &c.req, 0x10, Rules{Standalone: true})
			if c.code != 0 {
				require.ErrorContains(t, err, c.want)
				require.ErrorIs(t, err, c.code)
				return
			}
			require.NoError(t, err)
			var ids []string
			for _, m := range next.Members {
				s := m.ID.String()
				if m.Observer {
					s += "o"
				}
				ids = append(ids, s)
			}
			require.Equal(t, c.want, strings.Join(ids, " "))
			require.Equal(t, int64(0x10), next.Version)
			require.Contains(t, next.String(), "version=10")
			require.Equal(t, int64(5), cur.Version, "the old one is untouched")
		})
	}
	one, err := Reconfigure(cur, &req{Leaving: "2,3", CurConfigID: -1}, 9, Rules{})
	require.NoError(t, err, "standaloneEnabled=false allows one")
	require.True(t, IsSole(one.Quorum, 1))
	_, err = Reconfigure(cur, &req{Leaving: "1,2,3", CurConfigID: -1}, 9, Rules{})
	require.ErrorContains(t, err, "at least 1")
}

func FuzzParseMembership(f *testing.F) {
	f.Add("server.1=a:1:2;3\nserver.2=[::1]:1:2:observer;[fe80::1%eth0]:4\ngroup.1=1:2\nweight.1=4\nversion=ff")
	f.Add("server.1=a:1:2|b:1:2")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMembership([]byte(text))
		if err != nil {
			return
		}
		again, err := ParseMembership(m.Data())
		require.NoError(t, err, "%q", m.String())
		require.Equal(t, m.String(), again.String())
	})
}
