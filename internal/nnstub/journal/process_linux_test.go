package journal

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
)

const childEnv = "HOLDFAST_JOURNAL_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		os.Exit(writeUntilFenced(dir))
	}
	goleak.VerifyTestMain(m)
}

// writeUntilFenced is the old active: it writes without pause and prints each acknowledged txid.
func writeUntilFenced(dir string) int {
	j, err := Open(dir, zap.NewNop())
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return 1
	}
	w, err := j.Begin("child", func(Edit) {})
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return 1
	}
	for i := 0; ; i++ {
		edits := []Edit{{Path: "/child/" + strconv.Itoa(i), Data: make([]byte, 200)}}
		if err := w.Append(edits); err != nil {
			fmt.Fprintln(os.Stdout, err)
			if errors.Is(err, ErrFenced) {
				return 42
			}
			return 1
		}
		fmt.Fprintln(os.Stdout, edits[0].Txid)
	}
}

// TestStoppedProcessCannotWriteAfterItWakes: a real writer is stopped (SIGSTOP) at a random moment of its work, another
// takes over at once, and the first is let go again. Nothing it acknowledged is lost, and nothing it does after it woke
// counts.
func TestStoppedProcessCannotWriteAfterItWakes(t *testing.T) {
	for range 5 {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		acknowledged := uint64(0)
		read := func() bool {
			if !lines.Scan() {
				return false
			}
			n, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				require.Contains(t, lines.Text(), "fenced")
				return false
			}
			require.Equal(t, acknowledged+1, n)
			acknowledged = n
			return true
		}
		for acknowledged < 50 {
			require.True(t, read())
		}
		require.NoError(t, cmd.Process.Signal(syscall.SIGSTOP))

		v := open(t, dir)
		w := v.begin(t, "test")
		end := v.Txid()
		require.NoError(t, w.Append(put("/after")))
		require.NoError(t, cmd.Process.Signal(syscall.SIGCONT))
		for read() {
		}
		var exit *exec.ExitError
		require.ErrorAs(t, cmd.Wait(), &exit)
		require.Equal(t, 42, exit.ExitCode())

		require.LessOrEqual(t, acknowledged, end, "acknowledged before it was stopped, or found by the taker")
		require.NoError(t, w.Append(put("/later")))
		fresh := open(t, dir)
		fresh.poll(t)
		require.Len(t, fresh.edits, int(end)+2)
		for i, e := range fresh.edits {
			require.Equal(t, uint64(i+1), e.Txid)
			if e.Txid > end {
				require.Equal(t, uint64(2), e.Epoch)
			}
		}
	}
}
