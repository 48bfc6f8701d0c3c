package tlsconf

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long after a change the files are read: a tool writes a file in several steps, and key and trust store in turn.
const settle = 300 * time.Millisecond

// Watch reads the files again whenever something in their directories changes, and tells the outcome: nil when new certificates
// are in place, or why they are not. Directories are watched, not files, because files are often replaced by renaming, and
// Kubernetes changes a link beside them. stop ends it and waits for its goroutine.
func (s *Source) Watch(changed func(error)) (stop func(), err error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	for _, dir := range s.directories() {
		if err := w.Add(dir); err != nil {
			w.Close()
			return nil, &Error{
				Key: s.settings.Prefix + "keyStore.location", File: dir, Reason: "changes cannot be watched: " + err.Error(),
				Remedy: "switch the reloading of certificates off, and send SIGHUP after a change",
			}
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.follow(w, changed)
	}()
	return func() {
		w.Close()
		<-done
	}, nil
}

func (s *Source) follow(w *fsnotify.Watcher, changed func(error)) {
	var due <-chan time.Time // set while something has changed and is not read yet
	for {
		select {
		case _, ok := <-w.Events:
			if !ok {
				return
			}
			if due == nil {
				due = time.After(settle)
			}
		case _, ok := <-w.Errors: // events were lost
			if !ok {
				return
			}
			if due == nil {
				due = time.After(settle)
			}
		case <-due:
			due = nil
			s.reload.Lock()
			fresh, err := s.read()
			s.reload.Unlock()
			if fresh || err != nil {
				changed(err)
			}
		}
	}
}

func (s *Source) directories() []string {
	var dirs []string
	for _, store := range []Store{s.settings.KeyStore, s.settings.TrustStore} {
		for _, path := range []string{store.Path, store.PasswordPath} {
			if path != "" {
				dirs = append(dirs, filepath.Dir(path))
			}
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
