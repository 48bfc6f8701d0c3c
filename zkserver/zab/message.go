package zab

import (
	"encoding/binary"
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/election"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// Sid is a server id.
type Sid = quorum.Sid

// Zxid orders all entries: epoch in the upper half, counter in the lower.
type Zxid = zkproto.Zxid

// Entry is one transaction as it is logged and proposed. Data is what the original calls the txn bytes: header, record
// and digest, encoded. The core never looks into it; nobody may change it once it has been handed over.
type Entry struct {
	Zxid Zxid
	Data []byte
}

// Type says what a Message is. Values from 1 to 19 are those of the original's QuorumPacket; the ones above 0xff exist
// only between the core and its driver.
type Type int32

// The packets of the quorum port (Leader.java), and two orders to the driver.
const (
	Request           Type = 1
	Proposal          Type = 2
	Ack               Type = 3
	Commit            Type = 4
	Ping              Type = 5
	Revalidate        Type = 6
	Sync              Type = 7
	Inform            Type = 8
	CommitAndActivate Type = 9
	NewLeader         Type = 10
	FollowerInfo      Type = 11
	UpToDate          Type = 12
	Diff              Type = 13
	Trunc             Type = 14
	// Snap is followed on the wire by the snapshot itself. To the sender: write the packet, then a snapshot of the tree
	// that holds at least everything up to Zxid and nothing that is not committed, then go on. To the receiver: take the
	// whole body in first (to a temporary file), then Step the message.
	Snap              Type = 15
	ObserverInfo      Type = 16
	LeaderInfo        Type = 17
	AckEpoch          Type = 18
	InformAndActivate Type = 19
	// Notification belongs to the election port: Vote holds it.
	Notification Type = 0x100
	// Replay is an order to the driver that never travels: send, in its place on this link, each entry of the log on disk
	// with After < zxid <= Zxid as a PROPOSAL followed by its COMMIT. If that cannot be done, close the link.
	Replay Type = 0x101
)

var typeNames = map[Type]string{
	Request: "REQUEST", Proposal: "PROPOSAL", Ack: "ACK", Commit: "COMMIT", Ping: "PING", Revalidate: "REVALIDATE",
	Sync: "SYNC", Inform: "INFORM", CommitAndActivate: "COMMITANDACTIVATE", NewLeader: "NEWLEADER",
	FollowerInfo: "FOLLOWERINFO", UpToDate: "UPTODATE", Diff: "DIFF", Trunc: "TRUNC", Snap: "SNAP",
	ObserverInfo: "OBSERVERINFO", LeaderInfo: "LEADERINFO", AckEpoch: "ACKEPOCH", InformAndActivate: "INFORMANDACTIVATE",
	Notification: "NOTIFICATION", Replay: "REPLAY",
}

// String is the original's name of the packet.
func (t Type) String() string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return fmt.Sprintf("UNKNOWN(%d)", int32(t))
}

// Message is one packet between two servers. Type, Zxid, Data and Auth are the original's QuorumPacket, field for field;
// the others are not on the wire.
type Message struct {
	Type Type
	// Relay goes with OBSERVERINFO: it goes to, or came by, the port for observers of a server that need not lead
	// (observerMasterPort). In Forwarded it marks what came from such an observer.
	Relay bool
	From  Sid // the sender: of a quorum packet, the server at the other end of the link
	To    Sid
	// Link tells connections between the same two servers apart, so that what an old connection still delivers is never
	// taken for the new one's. A learner's core numbers its own (each time it joins a leader it uses a new number, and the
	// driver opens a connection for it); on the leader's side the driver numbers the connections it has accepted, never
	// the same twice for one sid and from 1<<32 up, so that the two kinds are never mixed up, and the core answers on the
	// link it was asked by. Notifications have Link 0.
	Link  uint64
	Zxid  Zxid
	After Zxid // with Replay: the lower bound, exclusive; in Forwarded: what was known to be committed when it came
	Data  []byte
	// Auth goes with REQUEST only and is passed through.
	Auth []zkproto.ID
	// Vote goes with Notification only.
	Vote *election.Notification
}

// ProtocolVersion of Zab 1.0, in LEADERINFO and LearnerInfo.
const ProtocolVersion = 0x10000

// LearnerInfo is the data of FOLLOWERINFO and OBSERVERINFO.
//
//	| long sid | int protocolVersion | long configVersion |   big endian; 3.4 ends after protocolVersion, 3.3 after sid
type LearnerInfo struct {
	Sid             Sid
	ProtocolVersion int32
	ConfigVersion   int64
}

// AppendTo appends the record.
func (l *LearnerInfo) AppendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(l.Sid))
	b = binary.BigEndian.AppendUint32(b, uint32(l.ProtocolVersion))
	return binary.BigEndian.AppendUint64(b, uint64(l.ConfigVersion))
}

// Decode reads the record from b.
func (l *LearnerInfo) Decode(b []byte) error {
	if len(b) < 12 {
		return fmt.Errorf("learner info of %d bytes, at least 12 are needed: servers older than 3.4 cannot join", len(b))
	}
	l.Sid = Sid(binary.BigEndian.Uint64(b))
	l.ProtocolVersion = int32(binary.BigEndian.Uint32(b[8:]))
	if len(b) >= 20 {
		l.ConfigVersion = int64(binary.BigEndian.Uint64(b[12:]))
	}
	if l.ProtocolVersion < ProtocolVersion {
		return fmt.Errorf("peer protocol version %#x is older than %#x (Zab 1.0): update that server to 3.4 or later", l.ProtocolVersion, ProtocolVersion)
	}
	return nil
}

// noEpoch in ACKEPOCH says that this epoch had been accepted before and must not be counted again.
const noEpoch int32 = -1

func appendInt32(v int32) []byte { return binary.BigEndian.AppendUint32(make([]byte, 0, 4), uint32(v)) }

func decodeInt32(b []byte) (int32, bool) {
	if len(b) < 4 {
		return 0, false
	}
	return int32(binary.BigEndian.Uint32(b)), true
}
