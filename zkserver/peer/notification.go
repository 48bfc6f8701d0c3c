package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/election"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// The lengths of notifications: see the package documentation.
const (
	notification33  = 28
	notification34  = 40
	notificationNow = 44
	// maxFrame bounds a frame of the election port (QuorumCnxManager.PACKETMAXSIZE).
	maxFrame = 512 << 10
	// seenTag comes before the configuration that the sender has seen proposed: "HFsn".
	seenTag = 0x4846736e
)

// badFrame is a frame or notification that breaks the format.
type badFrame struct{ problem string }

func (e *badFrame) Error() string { return e.problem }

func badNotification(format string, args ...any) error {
	return &badFrame{fmt.Sprintf(format, args...)}
}

// appendFrame appends the notification as a frame, always in today's format.
func appendFrame(b []byte, n *election.Notification) []byte {
	size := notificationNow + len(n.Config)
	if len(n.Seen) > 0 {
		size += 8 + len(n.Seen)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(size))
	b = binary.BigEndian.AppendUint32(b, uint32(n.State))
	b = binary.BigEndian.AppendUint64(b, uint64(n.Vote.Leader))
	b = binary.BigEndian.AppendUint64(b, uint64(n.Vote.Zxid))
	b = binary.BigEndian.AppendUint64(b, uint64(n.Vote.Round))
	b = binary.BigEndian.AppendUint64(b, uint64(n.Vote.PeerEpoch))
	b = binary.BigEndian.AppendUint32(b, election.NotificationVersion)
	b = binary.BigEndian.AppendUint32(b, uint32(len(n.Config)))
	b = append(b, n.Config...)
	if len(n.Seen) == 0 {
		return b
	}
	b = binary.BigEndian.AppendUint32(b, seenTag)
	b = binary.BigEndian.AppendUint32(b, uint32(len(n.Seen)))
	return append(b, n.Seen...)
}

// decodeNotification reads the content of a frame. Config and Seen alias b. What else follows the config is for later versions.
func decodeNotification(b []byte) (n election.Notification, err error) {
	if len(b) != notification33 && len(b) != notification34 && len(b) < notificationNow {
		return n, badNotification("bad notification: %d bytes", len(b))
	}
	n.State = election.State(binary.BigEndian.Uint32(b))
	n.Vote.Leader = zab.Sid(binary.BigEndian.Uint64(b[4:]))
	n.Vote.Zxid = zkproto.Zxid(binary.BigEndian.Uint64(b[12:]))
	n.Vote.Round = int64(binary.BigEndian.Uint64(b[20:]))
	if len(b) == notification33 {
		n.Vote.PeerEpoch = int64(n.Vote.Zxid.Epoch())
		return n, nil
	}
	n.Vote.PeerEpoch = int64(binary.BigEndian.Uint64(b[28:]))
	if len(b) == notification34 {
		return n, nil // the original does not believe the version there, if there is one
	}
	n.Version = int32(binary.BigEndian.Uint32(b[36:]))
	if n.Version < election.NotificationVersion {
		return n, nil
	}
	l := int32(binary.BigEndian.Uint32(b[40:]))
	if l < 0 || int(l) > len(b)-notificationNow {
		return n, badNotification("bad notification: config of %d bytes, %d are there", l, len(b)-notificationNow)
	}
	n.Config = b[notificationNow : notificationNow+int(l) : notificationNow+int(l)]
	n.Seen = seenIn(b[notificationNow+int(l):])
	return n, nil
}

// seenIn gives the configuration seen in what follows the config; nil if it is something else.
func seenIn(b []byte) []byte {
	if len(b) <= 8 || binary.BigEndian.Uint32(b) != seenTag || int64(binary.BigEndian.Uint32(b[4:])) != int64(len(b)-8) {
		return nil
	}
	return b[8:]
}

// readFrame reads one frame into memory of its own.
func readFrame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := int32(binary.BigEndian.Uint32(head[:]))
	if n <= 0 || n > maxFrame {
		return nil, badNotification("bad frame: %d bytes, 1 to %d are possible", n, maxFrame)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return b, nil
}
