//go:build !linux

package bell

type waker struct{ channel }

func (w *waker) init(c channel) { w.channel = c }

// New makes a bell. Close it.
func New() *Bell {
	b := &Bell{}
	b.init(newChannel())
	return b
}
