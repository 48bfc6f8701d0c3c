//go:build !linux

package zkbench

import (
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
)

// audience is a set of sessions that watch one znode. One goroutine reads them in turn, so that the time until the last has
// its event is the server's and not that of a thousand goroutines.
type audience struct{ wires []*zkclient.Wire }

func newAudience(wires []*zkclient.Wire) (*audience, error) { return &audience{wires}, nil }

// say sends the frame on all connections.
func (a *audience) say(frame []byte) error {
	for _, w := range a.wires {
		if err := w.Write(frame); err != nil {
			return err
		}
	}
	return nil
}

// hear waits until each session has got one frame with this xid.
func (a *audience) hear(xid int32, what string) error {
	limit := time.Now().Add(patience)
	for i, w := range a.wires {
		err := w.SetReadDeadline(limit)
		if err == nil {
			err = readOne(w, xid)
		}
		if err != nil {
			return fmt.Errorf("session %d of %d has not got %s: %w", i+1, len(a.wires), what, err)
		}
	}
	return nil
}

func (a *audience) close() {
	for _, w := range a.wires {
		_ = w.Close()
	}
}
