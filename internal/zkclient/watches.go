package zkclient

import (
	"maps"
	"slices"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// watchKind is the watch a request leaves.
type watchKind int

const (
	watchNone watchKind = iota
	watchData
	watchExists // a data watch if the znode exists, else one on its creation
	watchChild
	watchPersistent
	watchRecursive
)

// watches are the paths, as the server knows them, on which this session has watches: what a new connection must set
// again.
type watches struct {
	sets [5]map[string]struct{} // data, exist, child, persistent, persistent recursive
}

const (
	setData = iota
	setExist
	setChild
	setPersistent
	setRecursive
)

// setWatchesBytes bounds one setWatches request, far below the smallest usual jute.maxbuffer (ZOOKEEPER-706).
const setWatchesBytes = 128 << 10

func newWatches() watches {
	var w watches
	for i := range w.sets {
		w.sets[i] = map[string]struct{}{}
	}
	return w
}

// register keeps the watch that a request answered with err has left.
func (w *watches) register(kind watchKind, path string, err zkproto.Error) {
	set := -1
	switch {
	case kind == watchExists && err == zkproto.ErrNoNode:
		set = setExist
	case kind == watchNone || err != zkproto.ErrOK:
		return
	case kind == watchData || kind == watchExists:
		set = setData
	case kind == watchChild:
		set = setChild
	case kind == watchPersistent:
		set = setPersistent
	case kind == watchRecursive:
		set = setRecursive
	}
	w.sets[set][path] = struct{}{}
}

// fired forgets the one-shot watches that an event has used up.
func (w *watches) fired(t zkproto.EventType, path string) {
	switch t {
	case zkproto.EventNodeCreated, zkproto.EventNodeDataChanged:
		delete(w.sets[setData], path)
		delete(w.sets[setExist], path)
	case zkproto.EventNodeChildrenChanged:
		delete(w.sets[setChild], path)
	case zkproto.EventNodeDeleted:
		delete(w.sets[setData], path)
		delete(w.sets[setExist], path)
		delete(w.sets[setChild], path)
	case zkproto.EventDataWatchRemoved:
		delete(w.sets[setData], path)
	case zkproto.EventChildWatchRemoved:
		delete(w.sets[setChild], path)
	case zkproto.EventPersistentWatchRemoved:
		delete(w.sets[setPersistent], path)
		delete(w.sets[setRecursive], path)
	case zkproto.EventNone:
	}
}

// requests are the setWatches requests that restore all watches, each of bounded size.
func (w *watches) requests(last zkproto.Zxid) []zkproto.SetWatchesRequest {
	var out []zkproto.SetWatchesRequest
	size := setWatchesBytes
	for i, set := range w.sets {
		for _, path := range slices.Sorted(maps.Keys(set)) {
			if size+len(path)+4 > setWatchesBytes {
				out = append(out, zkproto.SetWatchesRequest{RelativeZxid: last})
				size = 0
			}
			size += len(path) + 4
			r := &out[len(out)-1]
			list := []*[]string{&r.Data, &r.Exist, &r.Child, &r.Persistent, &r.PersistentRecursive}[i]
			*list = append(*list, path)
		}
	}
	return out
}

// removable are the sets that a removal of a type means, with the event that tells of each.
func removable(typ zkproto.WatcherType) []struct {
	set   int
	event zkproto.EventType
} {
	all := []struct {
		set   int
		event zkproto.EventType
	}{
		{setChild, zkproto.EventChildWatchRemoved},
		{setData, zkproto.EventDataWatchRemoved},
		{setExist, zkproto.EventDataWatchRemoved},
		{setPersistent, zkproto.EventPersistentWatchRemoved},
		{setRecursive, zkproto.EventPersistentWatchRemoved},
	}
	switch typ {
	case zkproto.WatcherChildren:
		return all[:1]
	case zkproto.WatcherData:
		return all[1:3]
	case zkproto.WatcherPersistent:
		return all[3:4]
	case zkproto.WatcherPersistentRecursive:
		return all[4:]
	case zkproto.WatcherAny:
	}
	return all
}

// has tells whether a removal of a type would find a watch.
func (w *watches) has(typ zkproto.WatcherType, path string) bool {
	for _, r := range removable(typ) {
		if _, ok := w.sets[r.set][path]; ok {
			return true
		}
	}
	return false
}

// remove forgets the watches of a type and answers the events that tell of it, each once.
func (w *watches) remove(typ zkproto.WatcherType, path string) (events []zkproto.EventType) {
	for _, r := range removable(typ) {
		if _, ok := w.sets[r.set][path]; !ok {
			continue
		}
		delete(w.sets[r.set], path)
		if !slices.Contains(events, r.event) {
			events = append(events, r.event)
		}
	}
	return events
}
