package zkbench

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// op is one of the kinds of requests zkbench makes.
type op int

const (
	opCreate op = iota
	opSet
	opGet
	opExists
	opChildren
	opDelete
	numOps
)

var opNames = [numOps]string{"create", "set", "get", "exists", "children", "delete"}

func (o op) String() string { return opNames[o] }

// mix is the share of each op in percent. It sums to 100.
type mix [numOps]int

// parseMix reads "get=90,set=10".
func parseMix(s string) (mix, error) {
	var m mix
	sum := 0
	for part := range strings.SplitSeq(s, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		i := -1
		for o, n := range opNames {
			if n == name {
				i = o
			}
		}
		if i < 0 {
			return m, fmt.Errorf("mix %q: no operation %q, there are %s", s, name, strings.Join(opNames[:], ", "))
		}
		v, err := strconv.Atoi(value)
		if err != nil || v < 0 || v > 100 {
			return m, fmt.Errorf("mix %q: the share of %s must be a whole number of percent, as in %s=50", s, name, name)
		}
		if m[i] != 0 {
			return m, fmt.Errorf("mix %q: %s is there twice", s, name)
		}
		m[i] = v
		sum += v
	}
	if sum != 100 {
		return m, fmt.Errorf("mix %q: the shares add up to %d, must be 100", s, sum)
	}
	if m[opDelete] > m[opCreate] {
		return m, fmt.Errorf("mix %q: more deletes than creates: zkbench deletes only what it has created", s)
	}
	return m, nil
}

func (m mix) String() string {
	var parts []string
	for o, v := range m {
		if v > 0 {
			parts = append(parts, fmt.Sprintf("%s=%d", op(o), v))
		}
	}
	return strings.Join(parts, ",")
}

// digits is the width of the number that ends each path.
const digits = 10

// template is a request frame ready to be copied: only xid and the digits of the path differ from one to the next.
//
//	len(4) xid(4) op(4) pathlen(4) path … dddddddddd rest of the body
type template struct {
	frame []byte
	at    int // of the first digit; 0 when the path has none
	reply int // bytes of the reply to it when all is well; 0 when that depends on the tree
}

// replySize is the size of the reply to an op on a znode with size bytes of data and a path of path bytes. It keeps a
// server honest without looking into the replies.
func replySize(o op, size, path int) int {
	switch o {
	case opCreate:
		return zkproto.ReplyHeaderSize + 4 + path
	case opSet, opExists:
		return zkproto.ReplyHeaderSize + zkproto.StatSize
	case opGet:
		return zkproto.ReplyHeaderSize + 4 + size + zkproto.StatSize
	case opDelete:
		return zkproto.ReplyHeaderSize
	default:
		return 0
	}
}

// newTemplate builds the frame of one request. prefix is the path up to its digits. data is what the znode holds: the
// request carries it if the op does.
func newTemplate(o op, prefix string, numbered bool, data []byte) template {
	path := prefix
	if numbered {
		path += strings.Repeat("0", digits)
	}
	b := make([]byte, 4, 64+len(path)+len(data))
	code := [numOps]zkproto.OpCode{
		zkproto.OpCreate, zkproto.OpSetData, zkproto.OpGetData, zkproto.OpExists, zkproto.OpGetChildren, zkproto.OpDelete,
	}[o]
	b = zkproto.RequestHeader{Op: code}.AppendTo(b)
	at := len(b) + 4 + len(prefix)
	switch o {
	case opCreate:
		b = (&zkproto.CreateRequest{Path: path, Data: data, ACL: zkproto.WorldAll()}).AppendTo(b, code)
	case opSet:
		b = (&zkproto.SetDataRequest{Path: path, Data: data, Version: -1}).AppendTo(b)
	case opDelete:
		b = (&zkproto.PathVersionRequest{Path: path, Version: -1}).AppendTo(b)
	default:
		b = jute.AppendBool(jute.AppendString(b, path), false)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	if !numbered {
		at = 0
	}
	return template{frame: b, at: at, reply: replySize(o, len(data), len(path))}
}

// append adds the request with xid and number n to b.
func (t *template) append(b []byte, xid int32, n uint64) []byte {
	start := len(b)
	b = append(b, t.frame...)
	f := b[start:]
	binary.BigEndian.PutUint32(f[4:8], uint32(xid))
	if t.at > 0 {
		d := f[t.at : t.at+digits]
		for i := digits - 1; i >= 0 && n > 0; i-- {
			d[i] = byte('0' + n%10)
			n /= 10
		}
	}
	return b
}
