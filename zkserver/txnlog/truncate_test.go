package txnlog

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
)

// A truncation of which any step fails is not taken for done (ZOOKEEPER-3701): it says so, and the log takes nothing more.
func TestFailedTruncateIsNoSuccess(t *testing.T) {
	steps := 0
	for fail := 0; fail <= steps; fail++ {
		m := newMem(t)
		write(t, m, records(1, 3), records(4, 6))
		n, armed := 0, false
		l := openLog(t, vfs.Inject(m, func(c vfs.Call) error {
			if !armed || c.Op == vfs.OpRead {
				return nil
			}
			n++
			if n == fail {
				return os.ErrPermission
			}
			return nil
		}), Options{})
		armed = true
		err := l.Truncate(2)
		if fail == 0 {
			require.NoError(t, err)
			steps = n
			require.NotZero(t, steps)
			continue
		}
		if err == nil { // closing what was read may fail without harm: then it is really done
			got, _, rerr := replay(m.CrashClone(vfs.Crash{}), 0)
			require.NoError(t, rerr)
			requireZxids(t, got, 1, 2)
			continue
		}
		require.ErrorIs(t, err, os.ErrPermission)
		require.Error(t, l.Append(records(3, 3)), "step %d", fail)
	}
}
