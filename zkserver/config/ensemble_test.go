package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// three is the file of an ensemble as the original's administrator's guide shows it.
const three = "tickTime=2000\ndataDir=/d\nclientPort=2181\ninitLimit=5\nsyncLimit=2\n" +
	"server.1=zoo1:2888:3888\nserver.2=zoo2:2888:3888\nserver.3=zoo3:2888:3888\n"

// loadWith loads a zoo.cfg that stands among the given files.
func loadWith(text string, files map[string]string, props ...Setting) (Config, string, string) {
	cfg, warnings, err := Input{
		File: "zoo.cfg", Text: []byte(text), Properties: props,
		ReadFile: func(name string) ([]byte, error) {
			if text, ok := files[filepath.ToSlash(name)]; ok {
				return []byte(text), nil
			}
			return nil, os.ErrNotExist
		},
	}.Load()
	problems := ""
	if err != nil {
		problems = err.Error()
	}
	return cfg, warnings.Error(), problems
}

func TestEnsembleOfThree(t *testing.T) {
	cfg, warnings, problems := loadWith(three, map[string]string{"/d/myid": "2\n"})
	require.Empty(t, problems)
	require.Empty(t, warnings)
	require.True(t, cfg.Distributed())
	require.False(t, cfg.Observer())
	require.Equal(t, quorum.Sid(2), cfg.MyID)
	require.Equal(t, []quorum.Sid{1, 2, 3}, cfg.Voters())
	require.Equal(t, 5, cfg.ConnectLimit)
	require.Equal(t, ":2181", cfg.ClientAddr())
	require.Equal(t, "server.1=zoo1:2888:3888:participant\nserver.2=zoo2:2888:3888:participant\n"+
		"server.3=zoo3:2888:3888:participant\nversion=0", cfg.Text())
	require.Equal(t, "zoo2:2888", cfg.Server(2).Addresses[0].Quorum())
	require.Equal(t, "zoo2:3888", cfg.Server(2).Addresses[0].Election())
	require.Nil(t, cfg.Server(4))

	for _, flag := range []string{"1", "3"} {
		cfg, _, problems = loadWith(three, nil, Setting{"-D", "zookeeper.myid", flag})
		require.Empty(t, problems)
		require.Equal(t, flag, cfg.MyID.String())
	}
}

func TestServerLines(t *testing.T) {
	for value, want := range map[string]string{
		"zoo1:2888:3888":                                  "zoo1:2888:3888:participant",
		"zoo1:2888:3888;2181":                             "zoo1:2888:3888:participant;0.0.0.0:2181",
		"zoo1:2888:3888:observer;10.0.0.1:2181":           "zoo1:2888:3888:observer;10.0.0.1:2181",
		"10.0.0.1:2888:3888:Participant":                  "10.0.0.1:2888:3888:participant",
		"[fe80::1]:2888:3888;[fe80::1]:2181":              "[fe80::1]:2888:3888:participant;[fe80::1]:2181",
		"zoo2:2889:3889|zoo1:2888:3888;2181":              "zoo1:2888:3888|zoo2:2889:3889:participant;0.0.0.0:2181",
		"zoo1:2888:3888:observer|zoo2:2889:3889:observer": "zoo1:2888:3888|zoo2:2889:3889:observer",
	} {
		s, err := ParseServer(1, value)
		require.NoError(t, err, value)
		require.Equal(t, want, s.String())
		again, err := ParseServer(1, s.String())
		require.NoError(t, err, value)
		require.Equal(t, want, again.String())
	}
	for value, want := range map[string]string{
		"zoo1":                                   `"zoo1" does not have the form host:quorumPort:electionPort`,
		"":                                       `"" does not have the form host:quorumPort:electionPort`,
		"zoo1:2888":                              `"zoo1:2888" has no election port`,
		":2888:3888":                             "does not have the form",
		"zoo1:a:3888":                            `"a" is no port`,
		"zoo1:2888:65536":                        `"65536" is no port`,
		"zoo1:2888:2888":                         "has the same port, 2888, for the quorum and the election",
		"zoo1:2888:3888:learner":                 `"learner" is no role`,
		"zoo1:2888:3888:observer:x":              "does not have the form",
		"zoo1:1:2:participant|zoo2:1:2:observer": "has addresses of different roles",
		"zoo1:2888:3888;x":                       `has no usable client port: "x"`,
		"zoo1:2888:3888;2181;2281":               "names a secure client port",
		"[fe80::1:2888:3888":                     "has a bracket that is never closed",
		"fe80::1:2888:3888":                      "does not have the form",
		"zoo1:2888:3888;[fe80::1]2181":           "has a bracket that is never closed",
		"zoo1:2888:3888|":                        `"" does not have the form`,
		"zoo1:2888:3888:participant;host:70000":  "has no usable client port",
	} {
		_, err := ParseServer(1, value)
		require.ErrorContains(t, err, "config: server.1="+value+": ", value)
		require.ErrorContains(t, err, want, value)
	}
}

func TestEnsembleProblems(t *testing.T) {
	one := map[string]string{"/d/myid": "1"}
	const head = "dataDir=/d\nclientPort=1\ninitLimit=5\nsyncLimit=2\n"
	for name, c := range map[string]struct {
		text  string
		files map[string]string
		want  string
	}{
		"no myid": {three, nil, "/d/myid: there is no such file, and this server must know which of the ensemble's it is; " +
			"write its number there, the N of its server.N line (1, 2, 3), or give -Dzookeeper.myid=N or ZOO_MY_ID"},
		"empty myid": {three, map[string]string{"/d/myid": ""}, `/d/myid:1: "" is no number of a server; it must hold one number from 1 to 255, ` +
			"the N of this server's server.N line (1, 2, 3)"},
		"odd myid":   {three, map[string]string{"/d/myid": "zoo1"}, `/d/myid:1: "zoo1" is no number of a server; it must`},
		"great myid": {three, map[string]string{"/d/myid": "256"}, `/d/myid:1: "256" is no number of a server; it must`},
		"not in the list": {three, map[string]string{"/d/myid": "4"}, "zoo.cfg: myid: is 4, and there is no line server.4; " +
			"give this server's line to all servers, or correct the number: the lines are for 1, 2, 3"},
		"two ids":    {three + "myid=2", one, "zoo.cfg:9: myid: is 2, and /d/myid says 1; keep one of them"},
		"ttl and id": {three + "server.255=d:2888:3888\nserver.4=e:1:2\nextendedTypesEnabled=true", map[string]string{"/d/myid": "255"}, "zoo.cfg: myid: is 255, which znodes with a time to live need for themselves"},
		"no limits": {
			"dataDir=/d\nclientPort=1\nserver.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2", one,
			"zoo.cfg: initLimit: missing; add a line such as initLimit=10: the ticks that a server may take to get the leader's data\n" +
				"zoo.cfg: syncLimit: missing; add a line such as syncLimit=5: the ticks that another server may be silent",
		},
		"no client port": {
			"dataDir=/d\ninitLimit=5\nsyncLimit=2\nserver.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2", one,
			"zoo.cfg: clientPort: missing; add a line such as clientPort=2181, or ;2181 to the line server.1",
		},
		"another client port": {three + "server.4=d:2888:3888;2182\nserver.5=e:1:2", map[string]string{"/d/myid": "4"}, "zoo.cfg:9: server.4: gives the client port 2182, and clientPort is 2181; keep one of them"},
		"twice":               {three + "server.01=d:2888:3888", one, "zoo.cfg:9: server.01: there is another line for server 1; give each server a number of its own"},
		"no number":           {three + "server.a=d:2888:3888", one, `zoo.cfg:9: server.a: is no server line: "a" is no number; number it, as in server.1`},
		"great number":        {three + "server.256=d:2888:3888", one, "zoo.cfg:9: server.256: 256 is no number of a server; number the servers from 1 to 255"},
		"masters on one host": {three + "observerMasterPort=2191\nserver.4=ZOO2:2998:3999", one, "zoo.cfg:9: observerMasterPort: server.2 and server.4 have the address ZOO2, and both would open the port 2191 there; give each of them an address of its own (such as 127.0.0.1 and 127.0.0.2), or remove this line"},
		"master port taken":   {three + "observerMasterPort=3888", one, "zoo.cfg:9: observerMasterPort: 3888 is a port of server.1 for other servers; choose another port, the same for all servers"},
		"master client port":  {three + "observerMasterPort=2181", one, "zoo.cfg:9: observerMasterPort: 2181 is the clientPort, too; choose another port, the same for all servers"},
		"same address":        {three + "server.4=zoo2:2888:3889\nserver.5=ZOO2:2999:3889", one, "zoo.cfg:9: server.4: has the address zoo2:2888 of server.2; give each server addresses of its own"},
		"wildcard":            {three + "server.4=0.0.0.0:2888:3888\nserver.5=e:1:2", one, "zoo.cfg:9: server.4: 0.0.0.0 is the address of no other server: nobody could connect to it; give its host name or address"},
		"several addresses":   {three + "server.4=d:2888:3888|e:2888:3888\nserver.5=f:1:2", one, "zoo.cfg:9: server.4: has several addresses; add multiAddress.enabled=true (all servers must be of release 3.6 or newer), or keep one"},
		"bad line":            {three + "server.4=d", one, `zoo.cfg:9: server.4: "d" does not have the form host:quorumPort:electionPort; write it like`},
		"one and observers": {
			head + "server.1=a:1:2\nserver.2=b:1:2:observer", one,
			"zoo.cfg:5: server.1: there is one voter, which would run alone, and observers, which could not join it; list all voters, or add standaloneEnabled=false",
		},
		"observers only": {
			head + "server.1=a:1:2:observer\nserver.2=b:1:2:observer", one,
			"zoo.cfg:5: server.1: is an observer, and there are no voters; list the voters, too: all servers of the ensemble belong into the file",
		},
		"in no group":      {three + "group.1=1:2", one, "zoo.cfg:8: server.3: is in no group; add 3 to a group.N line: with groups, each voter is in one"},
		"unknown in group": {three + "group.1=1:2:3:4", one, "zoo.cfg:9: group.1: server 4 is no voter; groups are of voters"},
		"in two groups":    {three + "group.1=1:2:3\ngroup.2=3", one, "zoo.cfg:9: group.1: quorum: server 3 is in groups 1 and 2, one is allowed"},
		"group twice":      {three + "group.1=1:2:3\ngroup.01=1", one, "zoo.cfg:10: group.01: there is another line for group 1; keep one of them"},
		"bad group":        {three + "group.1=1:2:x", one, `zoo.cfg:9: group.1: "x" is no number of a server; write it like group.1=1:2:3`},
		"no group":         {three + "weight.1=1", one, "zoo.cfg:9: weight.1: there are weights and no groups; add group.1=1:2:3"},
		"no weight":        {three + "group.1=1:2:3\nweight.1=0\nweight.2=0\nweight.3=0", one, "all weights are zero, so nobody could decide"},
		"bad weight":       {three + "group.1=1:2:3\nweight.1=-1", one, "zoo.cfg:10: weight.1: -1 is out of range"},
		"intervals":        {three + "fastleader.maxNotificationInterval=100", one, "zoo.cfg:9: fastleader.maxNotificationInterval: is 100 ms, less than fastleader.minNotificationInterval, 200 ms; raise it"},
		"two places": {
			three + "dynamicConfigFile=/dyn",
			map[string]string{"/d/myid": "1", "/dyn": "server.4=d:1:2"},
			"zoo.cfg:6: server.1: there is a dynamicConfigFile, too; keep the lines server.N, group.N and weight.N in that file alone",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, problems := loadWith(c.text, c.files)
			require.Contains(t, filepath.ToSlash(problems), c.want)
			if name != "two places" && name != "same address" {
				require.Equal(t, strings.Count(c.want, "\n"), strings.Count(problems, "\n"), "no other problem: %s", problems)
			}
		})
	}
}

func TestEnsembleWarnings(t *testing.T) {
	for name, c := range map[string]struct{ text, id, want string }{
		"two": {
			"dataDir=/d\nclientPort=1\ninitLimit=5\nsyncLimit=2\nserver.1=a:1:2\nserver.2=b:1:2", "1",
			"zoo.cfg: two voters tolerate the failure of none, less than a single server: use three",
		},
		"two and an oracle": {"dataDir=/d\nclientPort=1\ninitLimit=5\nsyncLimit=2\nserver.1=a:1:2\nserver.2=b:1:2\noraclePath=/o", "1", ""},
		"oracle of three":   {three + "oraclePath=/o", "1", "zoo.cfg: oraclePath decides between two voters, and there are 3: it does nothing"},
		"four": {
			three + "server.4=d:1:2", "1",
			"zoo.cfg: 4 voters tolerate the failure of 1, as 3 do: add one, or make one an observer (3 tolerate 1, 4 tolerate 1, 5 tolerate 2, 6 tolerate 2, 7 tolerate 3)",
		},
		"three and an observer": {three + "server.4=d:1:2:observer", "4", ""},
		"groups":                {three + "server.4=d:1:2\ngroup.1=1:2:3:4\nweight.4=0", "1", ""},
		"role": {
			three + "peerType=observer", "1",
			"zoo.cfg:9: peerType: is observer, and the line server.1 says participant, which counts",
		},
		"same role": {three + "server.4=d:1:2:observer\npeerType=observer", "4", ""},
		"own wildcard": {
			strings.Replace(three, "zoo1", "0.0.0.0", 1), "1",
			"zoo.cfg: server.1, this server, is given as 0.0.0.0: the other servers need a line with its true address, and quorumListenOnAllIPs=true listens on all addresses just as well",
		},
		"upgrade of nothing": {three + "localSessionsUpgradingEnabled=true", "1", "zoo.cfg: localSessionsUpgradingEnabled does nothing without localSessionsEnabled=true"},
		"variable":           {three, "1", "ZOO_MY_ID: myid: is 3, and /d/myid says 1, which counts"},
		"no effect":          {three + "quorumCnxnTimeoutMs=5", "1", "zoo.cfg:9: quorumCnxnTimeoutMs: accepted, has no meaning here: dead connections between servers are found by syncLimit and tcpKeepAlive"},
	} {
		t.Run(name, func(t *testing.T) {
			var props []Setting
			if name == "variable" {
				props = append(props, Setting{"ZOO_MY_ID", "zookeeper.myid", "3"})
			}
			cfg, warnings, problems := loadWith(c.text, map[string]string{"/d/myid": c.id}, props...)
			require.Empty(t, problems)
			require.Equal(t, c.want, filepath.ToSlash(warnings))
			require.Equal(t, c.id, cfg.MyID.String())
		})
	}
}

// A single server runs alone whatever the file says of an ensemble, and needs no myid.
func TestEnsembleKeysOfASingleServer(t *testing.T) {
	cfg, warnings, problems := loadWith("dataDir=/d\nsyncLimit=2\nserver.3=a:1:2;2181\ngroup.1=3\nweight.3=1", nil)
	require.Empty(t, problems)
	require.False(t, cfg.Distributed())
	require.Equal(t, "zoo.cfg:2: syncLimit: accepted, has no meaning for a single server\n"+
		"zoo.cfg:3: server.3: accepted, has no meaning for a single server: it runs standalone\n"+
		"zoo.cfg:4: group.1: accepted, has no meaning for a single server\n"+
		"zoo.cfg:5: weight.3: accepted, has no meaning for a single server", warnings)

	cfg, warnings, problems = loadWith("dataDir=/d\nsyncLimit=2\ninitLimit=3\nserver.3=a:1:2;2181\nstandaloneEnabled=false", map[string]string{"/d/myid": "3"})
	require.Empty(t, problems)
	require.Empty(t, warnings)
	require.True(t, cfg.Distributed(), "an ensemble of one")
}

// How many failures an ensemble survives: docs/operations.md has this table.
func TestToleranceTable(t *testing.T) {
	for n, want := range map[int]int{1: 0, 2: 0, 3: 1, 4: 1, 5: 2, 6: 2, 7: 3} {
		require.Equal(t, want, Tolerance(n), n)
		voters := make([]quorum.Sid, n)
		for i := range voters {
			voters[i] = quorum.Sid(i + 1)
		}
		rule, err := quorum.NewMajority(voters...)
		require.NoError(t, err)
		var up quorum.Set
		for i := range n - want {
			up.Add(i)
		}
		require.True(t, rule.Contains(up), "%d of %d fail", want, n)
		up = quorum.Set{}
		for i := range n - want - 1 {
			up.Add(i)
		}
		require.False(t, rule.Contains(up), "%d of %d fail", want+1, n)
	}
}

func TestGroupsAndWeights(t *testing.T) {
	cfg, _, problems := loadWith(three+"server.4=d:1:2:observer\ngroup.2=3\ngroup.1=1:2\nweight.1=3", map[string]string{"/d/myid": "4"})
	require.Empty(t, problems)
	require.True(t, cfg.Observer())
	require.Equal(t, "server.1=zoo1:2888:3888:participant\nserver.2=zoo2:2888:3888:participant\nserver.3=zoo3:2888:3888:participant\n"+
		"server.4=d:1:2:observer\ngroup.1=1:2\ngroup.2=3\nweight.1=3\nweight.2=1\nweight.3=1\nversion=0", cfg.Text())
	rule, err := cfg.Quorum()
	require.NoError(t, err)
	require.Equal(t, int64(3), rule.Weight(1))
	require.Equal(t, []quorum.Sid{1, 2, 3}, rule.Voters())
}
