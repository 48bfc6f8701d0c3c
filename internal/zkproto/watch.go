package zkproto

import (
	"strconv"

	"github.com/holdfast-ha/holdfast/internal/jute"
)

// EventType says what a watch saw.
type EventType int32

// The events of Watcher.Event.EventType.
const (
	EventNone                   EventType = -1
	EventNodeCreated            EventType = 1
	EventNodeDeleted            EventType = 2
	EventNodeDataChanged        EventType = 3
	EventNodeChildrenChanged    EventType = 4
	EventDataWatchRemoved       EventType = 5
	EventChildWatchRemoved      EventType = 6
	EventPersistentWatchRemoved EventType = 7
)

// String is the original's name.
func (e EventType) String() string {
	switch e {
	case EventNone:
		return "None"
	case EventNodeCreated:
		return "NodeCreated"
	case EventNodeDeleted:
		return "NodeDeleted"
	case EventNodeDataChanged:
		return "NodeDataChanged"
	case EventNodeChildrenChanged:
		return "NodeChildrenChanged"
	case EventDataWatchRemoved:
		return "DataWatchRemoved"
	case EventChildWatchRemoved:
		return "ChildWatchRemoved"
	case EventPersistentWatchRemoved:
		return "PersistentWatchRemoved"
	default:
		return "unknown event " + strconv.Itoa(int(e))
	}
}

// KeeperState is the state of a client's session, as notifications carry it.
type KeeperState int32

// The states of Watcher.Event.KeeperState.
const (
	StateDisconnected      KeeperState = 0
	StateSyncConnected     KeeperState = 3
	StateAuthFailed        KeeperState = 4
	StateConnectedReadOnly KeeperState = 5
	StateSASLAuthenticated KeeperState = 6
	StateExpired           KeeperState = -112
)

// WatcherEvent is the body of a notification.
type WatcherEvent struct {
	Type  EventType
	State KeeperState
	Path  string
}

// AppendTo appends the record.
func (e WatcherEvent) AppendTo(b []byte) []byte {
	b = jute.AppendInt32(b, int32(e.Type))
	b = jute.AppendInt32(b, int32(e.State))
	return jute.AppendString(b, e.Path)
}

// Decode reads the record.
func (e *WatcherEvent) Decode(d *jute.Decoder) {
	e.Type = EventType(d.Int32())
	e.State = KeeperState(d.Int32())
	e.Path = d.String()
}

// AddWatchMode is the mode field of addWatch.
type AddWatchMode int32

// The modes of AddWatchMode.java.
const (
	WatchPersistent          AddWatchMode = 0
	WatchPersistentRecursive AddWatchMode = 1
)

// WatcherType is the type field of checkWatches and removeWatches.
type WatcherType int32

// The types of Watcher.WatcherType.
const (
	WatcherChildren            WatcherType = 1
	WatcherData                WatcherType = 2
	WatcherAny                 WatcherType = 3
	WatcherPersistent          WatcherType = 4
	WatcherPersistentRecursive WatcherType = 5
)
