package watch

// EachData calls fn for each watch of the kinds that are told of data events (Data, Persistent, PersistentRecursive), in no
// particular order. fn must not change the manager.
func (m *Manager[W]) EachData(fn func(path string, w W)) {
	for path, list := range m.data.byPath {
		for _, e := range list {
			fn(path, e.w)
		}
	}
}
