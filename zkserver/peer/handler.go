package peer

import (
	"io"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// Handler takes what comes from the other servers, and gives what is too large for a message. Its methods are called from
// goroutines of the connections, several at a time. Those that block hold up their connection, no other.
type Handler interface {
	// Messages takes what one read has brought, in order; From, To and Link are filled in. The slice is good during the call,
	// the bytes in the messages for good. Blocking here holds up the sender (backpressure).
	Messages(msgs []zab.Message)

	// Disconnected tells, once per link, that it has ended, also after Drop: no message of it comes any more. For a link
	// this server asked for by FOLLOWERINFO or OBSERVERINFO, it also tells that the leader could not be reached.
	Disconnected(l zab.Link, reason error)

	// ReceiveSnapshot takes the snapshot behind a SNAP packet: body ends (io.EOF) behind the snapshot's last byte, when the
	// signature has been seen as well. The bytes are those of a snapshot file between header and first checksum: sessions,
	// ACL table, znodes, "/". Nil means that the snapshot is complete and kept: then the SNAP message is handed to Messages. An error
	// closes the link. Everything that came before SNAP has been handed to Messages.
	ReceiveSnapshot(from zab.Link, zxid zab.Zxid, body io.Reader) error

	// SendSnapshot writes the snapshot behind the SNAP packet, without header, checksum and signature. It is called on the
	// link's writer when all before is written. What it must hold: see zab.Snap. w is buffered. An error closes the link.
	SendSnapshot(to zab.Link, zxid zab.Zxid, w io.Writer) error

	// Replay reads the log on disk and hands each entry with after < zxid <= upTo to emit, in order; it stops when emit
	// fails. See zab.Replay. The bytes of an entry are needed until emit returns. An error closes the link.
	Replay(to zab.Link, after, upTo zab.Zxid, emit func(zab.Entry) error) error
}
