package zktool

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// terminal opens a pseudo terminal: what a program writes to slave, screen answers when slave is closed.
func terminal(t *testing.T) (slave *os.File, screen func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	require.NoError(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	require.NoError(t, err)
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 120}))
	read := make(chan string)
	go func() {
		var b bytes.Buffer
		_, _ = io.Copy(&b, master) // ends with an error when nobody has the slave open
		read <- b.String()
	}()
	return slave, func() string { return <-read }
}

// Long work on a terminal shows how far it is, and takes the bar away when it is done.
func TestLongWorkShowsProgressOnATerminal(t *testing.T) {
	tr := tree.New()
	const znodes, size = 10, 1 << 20
	for i := range znodes {
		h := zkproto.TxnHeader{Zxid: zkproto.Zxid(i + 1), Type: zkproto.OpCreate}
		tr.Apply(&h, &zkproto.CreateTxn{Path: fmt.Sprintf("/n%d", i), Data: make([]byte, size), ParentCVersion: int32(i + 1)}, nil)
	}
	written, err := snapshot.WriteWith(vfs.OS(), t.TempDir(), znodes, &source{tr, tr.Walk(), snapshot.Digest(tr.LastDigest())}, snapshot.WriteOptions{})
	require.NoError(t, err)
	require.Greater(t, written.Size, int64(smallWork))

	slave, screen := terminal(t)
	var out bytes.Buffer
	code := Main(t.Context(), []string{"snapshot", "verify", written.Path}, cli.Streams{In: bytes.NewReader(nil), Out: &out, Err: slave})
	require.NoError(t, slave.Close())
	seen := screen()
	require.Zero(t, code, seen)
	require.Contains(t, out.String(), "14 znodes")
	require.Regexp(t, `^\rverifying +\d+% \|`, seen)
	require.Regexp(t, `\r *\r$`, seen, "the bar is gone at the end")

	slave, screen = terminal(t)
	code = Main(t.Context(), []string{"snapshot", "verify", goldenSnap}, cli.Streams{In: bytes.NewReader(nil), Out: &out, Err: slave})
	require.NoError(t, slave.Close())
	require.Zero(t, code)
	require.Empty(t, screen(), "short work shows none")
}
