package pipeline

// Ring is a queue in one slice that grows by doubling. The zero value is empty. Not safe for concurrent use.
type Ring[T any] struct {
	buf  []T // length a power of two
	head int
	n    int
}

// Len is the number of elements.
func (r *Ring[T]) Len() int { return r.n }

// Push appends v.
func (r *Ring[T]) Push(v T) {
	if r.n == len(r.buf) {
		r.grow()
	}
	r.buf[(r.head+r.n)&(len(r.buf)-1)] = v
	r.n++
}

func (r *Ring[T]) grow() {
	next := make([]T, max(8, 2*len(r.buf)))
	for i := range r.n {
		next[i] = r.buf[(r.head+i)&(len(r.buf)-1)]
	}
	r.buf, r.head = next, 0
}

// Front is the oldest element, nil when there is none. The pointer is valid until the next Push or Pop.
func (r *Ring[T]) Front() *T {
	if r.n == 0 {
		return nil
	}
	return &r.buf[r.head]
}

// At is the i-th element, 0 being the oldest; i must be below Len. The pointer is valid until the next Push or Pop.
func (r *Ring[T]) At(i int) *T { return &r.buf[(r.head+i)&(len(r.buf)-1)] }

// Pop removes and returns the oldest element; ok is false when there is none.
func (r *Ring[T]) Pop() (v T, ok bool) {
	if r.n == 0 {
		return v, false
	}
	var zero T
	v, r.buf[r.head] = r.buf[r.head], zero
	r.head = (r.head + 1) & (len(r.buf) - 1)
	r.n--
	return v, true
}

// Clear removes all elements and lets their memory go.
func (r *Ring[T]) Clear() { *r = Ring[T]{} }
