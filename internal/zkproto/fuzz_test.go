package zkproto_test

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/jute"
)

// allocated is the memory f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// checkDecoder gives b to a decoder: it must not panic, must not allocate by what b merely claims to hold, and what it
// understands it must write so that it reads the same again.
func checkDecoder(t *testing.T, c codec, b []byte) {
	t.Helper()
	var v any
	d := jute.NewDecoder(b)
	var err error
	if got, limit := allocated(func() { v, err = c.decode(&d) }), uint64(64*len(b)+1<<20); got > limit {
		t.Fatalf("%s: %d bytes of input made the decoder allocate %d", c.name, len(b), got)
	}
	if d.Offset() > len(b) {
		t.Fatalf("%s: read %d of %d bytes", c.name, d.Offset(), len(b))
	}
	if err != nil || d.Err() != nil {
		return
	}
	once := c.encode(nil, v)
	d = jute.NewDecoder(once)
	again, err := c.decode(&d)
	if err != nil || d.Err() != nil {
		t.Fatalf("%s: what was written cannot be read: %v %v", c.name, err, d.Err())
	}
	if d.Remaining() != 0 {
		t.Fatalf("%s: %d bytes too many were written", c.name, d.Remaining())
	}
	if twice := c.encode(nil, again); !bytes.Equal(once, twice) {
		t.Fatalf("%s: writing is not stable: %x, then %x", c.name, once, twice)
	}
}

func FuzzRecords(f *testing.F) {
	all := codecs()
	for i, c := range all {
		b := c.encode(nil, c.value)
		f.Add(uint8(i), b)
		f.Add(uint8(i), b[:len(b)/2])
		f.Add(uint8(i), append([]byte{0x7f, 0xff, 0xff, 0xfe}, b...))
		f.Add(uint8(i), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	}
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		checkDecoder(t, all[int(kind)%len(all)], b)
	})
}
