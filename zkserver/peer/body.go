package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// body reads the snapshot that follows a SNAP packet. The snapshot has no length, so its records are followed to find its
// end, and nothing else about them is looked at:
//
//	int n, n x (long session, int timeout)
//	int n, n x (long id, int m, m x (int perms, ustring scheme, ustring id))      m -1: null
//	(ustring path, buffer data, long acl, 60 bytes of Stat)*
//	ustring "/"
//	ustring "BenWasHere"
//
// Source: SerializeUtils, DataTree, ReferenceCountedACLCache of Apache ZooKeeper 3.9.
type body struct {
	r     *reader
	state bodyState
	pass  int64 // bytes of the present record that can be passed on unseen
	left  int   // records of the present list that are left, the present one not counted
	perms int   // entries of the present ACL that are left
	err   error // sticks
}

type bodyState int

const (
	bodySessions bodyState = iota
	bodyACLs
	bodyACL
	bodyScheme
	bodyIdentity
	bodyPath
	bodyData
	bodySignature
)

// maxField is the longest path, data or identity believed, as when a snapshot file is read. It costs no memory here.
const maxField = 256 << 20

// A znode's record behind its data: long acl, StatPersisted.
const afterData = 8 + 60

func newBody(r *reader) *body {
	r.beginRaw()
	return &body{r: r}
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (n int, err error) {
	for b.err == nil && n < len(p) {
		if b.pass == 0 {
			b.err = b.next()
			continue
		}
		want := p[n:]
		if int64(len(want)) > b.pass {
			want = want[:b.pass]
		}
		if n > 0 && b.r.start == b.r.end {
			break // what there is now is better than waiting for more
		}
		var got int
		got, b.err = b.r.raw(want)
		if errors.Is(b.err, io.EOF) {
			b.err = io.ErrUnexpectedEOF
		}
		b.pass -= int64(got)
		n += got
	}
	if n > 0 || len(p) == 0 {
		return n, nil
	}
	return 0, b.err
}

// done tells whether all of the snapshot was read.
func (b *body) done() bool { return errors.Is(b.err, io.EOF) }

// length looks at an int that must be -1 (null) to limit.
func (b *body) length(at int, what string) (int64, error) {
	v, err := b.r.peek(at + 4)
	if err != nil {
		return 0, err
	}
	n := int32(binary.BigEndian.Uint32(v[at:]))
	if n < -1 || int64(n) > maxField {
		return 0, fmt.Errorf("bad snapshot: %s of length %d", what, n)
	}
	return int64(max(n, 0)), nil
}

// count looks at the number of elements of a list.
func (b *body) count(at int, what string) (int, error) {
	v, err := b.r.peek(at + 4)
	if err != nil {
		return 0, err
	}
	n := int32(binary.BigEndian.Uint32(v[at:]))
	if n < -1 {
		return 0, fmt.Errorf("bad snapshot: %d %s", n, what)
	}
	return int(max(n, 0)), nil
}

// next looks at the record that comes, and sets how many bytes of it to pass on.
func (b *body) next() error {
	switch b.state {
	case bodySessions:
		n, err := b.count(0, "sessions")
		b.pass, b.state = 4+12*int64(n), bodyACLs
		return err
	case bodyACLs:
		n, err := b.count(0, "access lists")
		b.pass, b.left = 4, n
		b.endACL()
		return err
	case bodyACL:
		n, err := b.count(8, "entries of an access list")
		b.pass, b.perms, b.state = 12, n, bodyScheme
		if n == 0 {
			b.endACL()
		}
		return err
	case bodyScheme:
		n, err := b.length(4, "scheme")
		b.pass, b.state = 8+n, bodyIdentity
		return err
	case bodyIdentity:
		n, err := b.length(0, "identity")
		b.pass, b.state = 4+n, bodyScheme
		if b.perms--; b.perms == 0 {
			b.endACL()
		}
		return err
	case bodyPath:
		n, err := b.length(0, "path")
		if err != nil {
			return err
		}
		b.pass, b.state = 4+n, bodyData
		if n == 1 {
			v, err := b.r.peek(5)
			if err == nil && v[4] == '/' {
				b.state = bodySignature
			}
			return err
		}
		return nil
	case bodyData:
		n, err := b.length(0, "data")
		b.pass, b.state = 4+n+afterData, bodyPath
		return err
	default:
		return b.sign()
	}
}

// endACL goes on to the next access list, or to the znodes.
func (b *body) endACL() {
	if b.left == 0 {
		b.state = bodyPath
		return
	}
	b.left--
	b.state = bodyACL
}

// sign checks the signature and takes it.
func (b *body) sign() error {
	v, err := b.r.peek(4 + len(signature))
	if err != nil {
		return err
	}
	if binary.BigEndian.Uint32(v) != uint32(len(signature)) || string(v[4:]) != signature {
		return fmt.Errorf("bad snapshot: the signature %q is missing behind it", signature)
	}
	b.r.start += len(v)
	return io.EOF
}
