package zkcli

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/release"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkclient/zktest"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// runMain runs zkcli with input and returns exit code, standard output and standard error.
func runMain(t *testing.T, input string, args ...string) (int, string, string) {
	t.Helper()
	var out, errOut bytes.Buffer
	code := Main(t.Context(), args, cli.Streams{In: strings.NewReader(input), Out: &out, Err: &errOut})
	return code, out.String(), errOut.String()
}

// session is a shell on a fake server, whose commands a test gives one by one.
type session struct {
	t        *testing.T
	sh       *shell
	out, err bytes.Buffer
}

func newSession(t *testing.T, addr string) *session {
	t.Helper()
	s := &session{t: t}
	set, err := parseSettings([]string{"-server", addr})
	require.NoError(t, err)
	s.sh = newShell(set, cli.Streams{Out: &s.out, Err: &s.err})
	require.NoError(t, s.sh.connect(t.Context(), addr))
	t.Cleanup(s.sh.disconnect)
	s.take()
	return s
}

// variable are the parts of an output that differ from run to run.
var variable = regexp.MustCompile(`((?:Zxid|time|ephemeralOwner) = ).*`)

// variableJSON is the same in JSON.
var variableJSON = regexp.MustCompile(`"([a-z]Zxid|[cm]time|ephemeralOwner|zxid)":"[^"]*"`)

// take returns what was printed since the last call, standard error after standard output.
func (s *session) take() string {
	s.sh.mu.Lock()
	defer s.sh.mu.Unlock()
	text := s.out.String() + s.err.String()
	s.out.Reset()
	s.err.Reset()
	return variable.ReplaceAllString(text, "${1}X")
}

// do runs one line and checks exit code and output.
func (s *session) do(line string, code int, want string) {
	s.t.Helper()
	s.sh.line(s.t.Context(), line)
	require.Equal(s.t, want, s.take(), line)
	require.Equal(s.t, code, s.sh.code, line)
}

// statText is a Stat with the parts that vary replaced.
func statText(cversion, version, aclVersion, length, children string) string {
	return "cZxid = X\nctime = X\nmZxid = X\nmtime = X\npZxid = X\ncversion = " + cversion + "\ndataVersion = " + version +
		"\naclVersion = " + aclVersion + "\nephemeralOwner = X\ndataLength = " + length + "\nnumChildren = " + children + "\n"
}

// The outputs were recorded from zkCli of Apache ZooKeeper 3.9.5.
func TestCommandsPrintWhatTheOriginalPrints(t *testing.T) {
	s := newSession(t, zktest.Start(t).Addr())
	s.do("create /a data", 0, "Created /a\n")
	s.do("create /a/b", 0, "Created /a/b\n")
	s.do("create -s /a/s- x", 0, "Created /a/s-0000000001\n")
	s.do("create -e /eph y", 0, "Created /eph\n")
	s.do("create -s -e /a/e-", 0, "Created /a/e-0000000002\n")
	s.do("create -c /cont", 0, "Created /cont\n")
	s.do("create /eph/x", 1, "Ephemerals cannot have children: /eph/x\n")
	s.do("create /a", 1, "Node already exists: /a\n")
	s.do("create -t 1000 /ttl", 1, "KeeperErrorCode = Unimplemented for /ttl\n")
	s.do("create -e -c /foo", 1, "-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.\n")
	s.do("create -t x /foo", 1, "-t argument must be a long value\n")
	s.do("create -t 5 -e /foo", 1, "TTLs cannot be used with Ephemeral znodes\n")
	s.do("create -t 5 -c /foo", 1, "TTLs cannot be used with Container znodes\n")
	s.do("create -t 0 /foo", 1, "ttl must be positive and cannot be larger than: 1099511627775\n")
	s.do("create /n d bogus", 1, "bogus does not have the form scheme:id:perm\nKeeperErrorCode = InvalidACL\nAcl is not valid : null\n")
	s.do("get /a", 0, "data\n")
	s.do("get -s /a", 0, "data\n"+statText("3", "0", "0", "4", "3"))
	s.do("get /a -s", 0, "data\n"+statText("3", "0", "0", "4", "3"))
	s.do("get -b /a", 0, "ZGF0YQ==\n")
	s.do("get /a/b", 0, "null\n")
	s.do("get /nope", 1, "Node does not exist: /nope\n")
	s.do("get", 1, "get [-s] [-w] [-b] [-x] path\n -b   Output data in base64 format\n -s   Print znode stats additionally\n"+
		" -w   Watch for changes on the znode\n -x   Output data in hexdump format\n\n")
	s.do("get a", 1, "Path must start with / character\n")
	s.do("get /a/", 1, "Path must not end with / character\n")
	s.do("get -z /a", 1, "org.apache.commons.cli.UnrecognizedOptionException: Unrecognized option: -z\n")
	s.do("ls /", 0, "[a, cont, eph, zookeeper]\n")
	s.do("ls -s /a", 0, "[b, e-0000000002, s-0000000001]\n"+statText("3", "0", "0", "4", "3"))
	s.do("ls -R /", 0, "/\n/a\n/cont\n/eph\n/zookeeper\n/a/b\n/a/e-0000000002\n/a/s-0000000001\n")
	s.do("ls -R /nope", 1, "Node does not exist: /nope\n")
	s.do("ls /nope watch", 1, "'ls path [watch]' has been deprecated. Please use 'ls [-w] path' instead.\nNode does not exist: /nope\n")
	s.do("stat /a", 0, statText("3", "0", "0", "4", "3"))
	s.do("stat /nope", 1, "Node does not exist: /nope\n")
	s.do("set /a new -v 7", 1, "version No is not valid : /a\n")
	s.do("set /a new -s -v 0", 0, statText("3", "1", "0", "3", "3"))
	s.do("set /a new -v -1", 0, "")
	s.do("set /a new -v x", 1, "-v x: a version is a whole number, -1 means any\n")
	s.do("set /a new -v", 1, "org.apache.commons.cli.MissingArgumentException: Missing argument for option: v\n")
	s.do(`set /a "quoted value"`, 0, "")
	s.do("get /a", 0, "quoted value\n")
	s.do("set /a -b ZGF0YQ==", 0, "")
	s.do("get /a", 0, "data\n")
	s.do("set /a -b !", 1, "-b: the data is not valid base64: illegal base64 data at input byte 0\n")
	s.do("getAcl /a", 0, "'world,'anyone\n: cdrwa\n")
	s.do("setAcl /a world:anyone:r,ip:10.0.0.0/8:cdrwaz", 0, "Unknown perm type: z\n")
	s.do("getAcl -s /a", 0, "'world,'anyone\n: r\n'ip,'10.0.0.0/8\n: cdrwa\n"+statText("3", "4", "1", "4", "3"))
	s.do("setAcl -s -R /a world:anyone:cdrwa", 0, "")
	s.do("getAcl /a/b", 0, "'world,'anyone\n: cdrwa\n")
	s.do("setAcl -s /a world:anyone:cdrwa", 0, statText("3", "4", "3", "4", "3"))
	s.do("setAcl /a bogus", 1, "bogus does not have the form scheme:id:perm\nAcl is not valid : null\n")
	s.do("addauth digest u:p", 0, "")
	s.do("whoami", 0, "Auth scheme: User\nip: 127.0.0.1\ndigest: u\n")
	s.do("sync /", 0, "Sync is OK\n")
	s.do("delete /a", 1, "Node not empty: /a\n")
	s.do("delete -v 9 /a/b", 1, "version No is not valid : /a/b\n")
	s.do("delete -v 0 /a/b", 0, "")
	s.do("deleteall /nope", 1, "Node does not exist: /nope\n")
	s.do("deleteall /a -b 2", 0, "")
	s.do("deleteall /cont -b 0", 0, "")
	s.do("deleteall /eph -b x", 1, "-b argument must be an int value\n")
	s.do("ls /", 0, "[eph, zookeeper]\n")
}

func TestHistoryRedoAndTheRest(t *testing.T) {
	s := newSession(t, zktest.Start(t).Addr())
	s.do("ls /", 0, "[zookeeper]\n")
	s.do("frob", 127, usageText(t)+"Command not found: Command not found frob\n")
	s.do("history", 0, "0 - ls /\n1 - frob\n2 - history\n")
	s.do("redo 0", 0, "[zookeeper]\n")
	s.do("redo 9", 1, "Command index out of range\n")
	s.do("redo 3", 0, "[zookeeper]\n")
	s.do("history", 0, "0 - ls /\n1 - frob\n2 - history\n3 - ls /\n4 - redo 9\n5 - ls /\n6 - history\n")
	s.do("redo 4", 1, "No redoing redos\n")
	s.do("help", 0, usageText(t))
	s.do("printwatches", 0, "printwatches is on\n")
	s.do("printwatches off", 0, "")
	s.do("printwatches", 0, "printwatches is off\n")
	s.sh.line(t.Context(), "version")
	require.Equal(t, "ZooKeeper CLI version: "+release.Version()+"\n", s.take())
	require.Equal(t, "[zk: "+s.sh.host+"(CONNECTED) 13] ", s.sh.prompt())
	s.do("close", 0, "")
	s.do("ls /", 0, "Not connected\n")
	require.Equal(t, "[zk: "+s.sh.host+"(CLOSED) 15] ", s.sh.prompt())
	s.do("connect", 0, "")
	s.do("ls /", 0, "[zookeeper]\n")
	s.do("", 0, "")
	s.do("   ", 0, "")
	s.do("quit", 0, "")
	require.True(t, s.sh.quit)
}

func usageText(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	newShell(settings{}, cli.Streams{Err: &b}).usage()
	require.Contains(t, b.String(), "\n\tdeleteall path [-b batch size]\n")
	return b.String()
}

func TestWatchesPrintAsTheOriginals(t *testing.T) {
	s := newSession(t, zktest.Start(t).Addr())
	event := func(typ, path string) string {
		return "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:" + typ + " path:" + path + " zxid: N\n"
	}
	zxid := regexp.MustCompile(`zxid: \d+`)
	do := func(line, want string) {
		t.Helper()
		s.sh.line(t.Context(), line)
		require.Equal(t, want, zxid.ReplaceAllString(s.take(), "zxid: N"), line)
	}
	do("create /w", "Created /w\n")
	do("get -w /w", "null\n")
	do("set /w x", event("NodeDataChanged", "/w"))
	do("set /w y", "")
	do("ls -w /w", "[]\n")
	do("create /w/c", event("NodeChildrenChanged", "/w")+"Created /w/c\n")
	do("stat -w /later", "Node does not exist: /later\n")
	do("create /later", event("NodeCreated", "/later")+"Created /later\n")
	do("ls -R -w /w", "/w\n/w/c\n")
	do("delete /w/c", event("NodeDeleted", "/w/c")+event("NodeChildrenChanged", "/w"))
	do("printwatches off", "")
	do("get /w watch", "y\n'get path [watch]' has been deprecated. Please use 'get [-s] [-w] path' instead.\n")
}

func TestOneShotAndPiped(t *testing.T) {
	addr := zktest.Start(t).Addr()
	connected := "Connecting to " + addr + "\n\nWATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null zxid: -1\n"
	code, out, errOut := runMain(t, "", "-server", addr, "create", "/x", "two words")
	require.Zero(t, code)
	require.Equal(t, connected, out)
	require.Equal(t, "Created /x\n", errOut)
	code, out, _ = runMain(t, "", "-timeout", "5000", "-r", "-waitforconnection", "-server", addr, "get", "/x")
	require.Zero(t, code)
	require.Equal(t, connected+"two words\n", out)
	code, _, errOut = runMain(t, "", "-server", addr, "get", "/nope")
	require.Equal(t, 1, code)
	require.Equal(t, "Node does not exist: /nope\n", errOut)
	code, _, _ = runMain(t, "", "-server", addr, "frob")
	require.Equal(t, 127, code)

	code, out, errOut = runMain(t, "get /nope\r\n\nls /\nquit\nls /\n", "-server", addr)
	require.Zero(t, code)
	require.Equal(t, connected+"Welcome to ZooKeeper!\n[x, zookeeper]\n\nWATCHER::\n\nWatchedEvent state:Closed type:None path:null zxid: -1\n", out)
	require.Equal(t, "Node does not exist: /nope\n", errOut)
	code, _, _ = runMain(t, "ls /\nget /nope\n", "-server", addr)
	require.Equal(t, 1, code, "the last command's")
}

func TestWrongOptionsAndUnreachableServers(t *testing.T) {
	for args, want := range map[string]string{
		"-server":         "no argument found for option -server",
		"-timeout x ls /": "-timeout x: must be a number of milliseconds",
		"-timeout 0 ls /": "-timeout 0",
		"-frob ls /":      "unknown option -frob",
		"-client-configuration /nonexistent/f ls /": "/nonexistent/f",
		"--output xml ls /":                         "must be text or json",
		"--output":                                  "no argument found for option --output",
	} {
		code, _, errOut := runMain(t, "", strings.Fields(args)...)
		require.Equal(t, 2, code, args)
		require.Contains(t, errOut, want)
	}
	code, _, errOut := runMain(t, "", "-server", "127.0.0.1:1", "ls", "/")
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "cannot reach a ZooKeeper server at 127.0.0.1:1")
	require.Contains(t, errOut, "-server host:port")
	begin := time.Now()
	code, _, _ = runMain(t, "", "-server", "127.0.0.1:1", "-timeout", "120", "-waitforconnection", "ls", "/")
	require.Equal(t, 1, code)
	require.GreaterOrEqual(t, time.Since(begin), 100*time.Millisecond)
	code, _, errOut = runMain(t, "", "-help")
	require.Zero(t, code)
	require.Contains(t, errOut, "getAcl [-s] path")
}

func TestRefusedCredentialsAndLostConnection(t *testing.T) {
	srv := zktest.Start(t)
	s := newSession(t, srv.Addr())
	s.sh.line(t.Context(), "addauth nonsense x")
	require.Contains(t, s.take(), "KeeperErrorCode = AuthFailed")
	srv.Stop()
	s.sh.line(t.Context(), "ls /")
	require.Contains(t, s.take(), "KeeperErrorCode = ConnectionLoss for /")
	require.Equal(t, 1, s.sh.code)
	require.Contains(t, s.sh.prompt(), "(CONNECTING)")
}

func TestTabCompletesCommandsAndPaths(t *testing.T) {
	s := newSession(t, zktest.Start(t).Addr())
	s.do("create /alpha", 0, "Created /alpha\n")
	s.do("create /alpha/one", 0, "Created /alpha/one\n")
	s.do("create /altar", 0, "Created /altar\n")
	c := &completer{ctx: context.Background(), s: s.sh}
	complete := func(line string) (out []string, length int) {
		endings, n := c.Do([]rune(line), len([]rune(line)))
		for _, e := range endings {
			out = append(out, string(e))
		}
		return out, n
	}
	for line, want := range map[string][]string{
		"dele": {"te ", "teall "}, "ls /al": {"pha", "tar"}, "ls -s /alpha/": {"one"}, "ls x": nil, "ls /zz/": nil, "get /alpha/o": {"ne"},
	} {
		got, n := complete(line)
		require.Equal(t, want, got, line)
		require.Equal(t, len(line)-strings.LastIndexByte(line, ' ')-1, n, line)
	}
}

func TestLinesAreSplitAsTheOriginalDoes(t *testing.T) {
	for line, want := range map[string][]string{
		"ls /":                      {"ls", "/"},
		"  set\t/a  'b c' ":         {"set", "/a", "b c"},
		`set /a "it's"`:             {"set", "/a", "it's"},
		`set /a ""`:                 {"set", "/a", ""},
		`set /a {"k":"v"}`:          {"set", "/a", `{"k":"v"}`},
		`create /x "a b" world:x:r`: {"create", "/x", "a b", "world:x:r"},
	} {
		require.Equal(t, want, splitLine(line), line)
	}
}

func TestHexdump(t *testing.T) {
	require.Empty(t, hexdump(nil))
	want := "         +-------------------------------------------------+\n" +
		"         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |\n" +
		"+--------+-------------------------------------------------+----------------+\n" +
		"|00000000| 30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66 |0123456789abcdef|\n" +
		"|00000010| 0a ff                                           |..              |\n" +
		"+--------+-------------------------------------------------+----------------+"
	require.Equal(t, want, hexdump([]byte("0123456789abcdef\n\xff")))
}

func TestErrorsHaveTheOriginalsWords(t *testing.T) {
	for code, want := range map[zkproto.Error]string{
		zkproto.ErrNoAuth: "Insufficient permission : /p", zkproto.ErrSessionExpired: "KeeperErrorCode = Session expired for /p",
		zkproto.ErrConnectionLoss: "KeeperErrorCode = ConnectionLoss for /p", zkproto.ErrQuotaExceeded: "Quota has exceeded : /p",
		zkproto.ErrThrottledOp: "KeeperErrorCode = Op throttled due to high load for /p",
	} {
		require.EqualError(t, explain(code, "/p"), want)
	}
	require.NoError(t, explain(nil, "/p"))
	require.Equal(t, "WatchedEvent state:Expired type:None path:null zxid: -1",
		formatEvent(zkclient.Event{Type: zkproto.EventNone, State: zkproto.StateExpired, Zxid: -1}))
}
