package hadoopconf

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The few parts of Java's serialization (Object Serialization Stream Protocol, version 5) that stand in a key store:
//
//	stream  := AC ED 00 05 object
//	object  := 73 class values-of-super … values     class := 72 name suid:8 flags n:2 field* 78 super | 71 handle | 70
//	string  := 74 n:2 bytes                          array of bytes := 75 class n:4 bytes
//
// Each class, object, string and array gets the next handle, counted from 007E0000, under which 71 means it again.
const (
	tcNull      = 0x70
	tcReference = 0x71
	tcClassDesc = 0x72
	tcObject    = 0x73
	tcString    = 0x74
	tcArray     = 0x75
	tcEndBlock  = 0x78

	firstHandle = 0x7E0000
	maxDepth    = 16
)

var errTruncated = errors.New("it ends too early")

// cursor reads big-endian values, and remembers the first failure.
type cursor struct {
	data []byte
	pos  int
	err  error
}

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *cursor) take(n int) []byte {
	if c.err != nil || n < 0 || n > len(c.data)-c.pos {
		c.fail(errTruncated)
		return nil
	}
	c.pos += n
	return c.data[c.pos-n : c.pos]
}

func (c *cursor) u8() int {
	if b := c.take(1); b != nil {
		return int(b[0])
	}
	return -1
}

func (c *cursor) u16() int {
	if b := c.take(2); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (c *cursor) u32() int {
	if b := c.take(4); b != nil {
		return int(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (c *cursor) utf() string { return string(c.take(c.u16())) }

// class is a class description.
type class struct {
	name   string
	fields []classField
	super  *class
}

type classField struct {
	kind byte
	name string
}

// javaReader reads one object.
type javaReader struct {
	*cursor
	handles []any
	depth   int
}

// object is the fields of the object that begins here, by name: strings and byte arrays only.
func (c *cursor) object() map[string]any {
	r := &javaReader{cursor: c}
	if b := c.take(4); b == nil || binary.BigEndian.Uint32(b) != 0xACED0005 {
		c.fail(errors.New("it is no serialized object"))
		return nil
	}
	m, _ := r.value().(map[string]any)
	if m == nil {
		c.fail(errors.New("it is no object"))
	}
	return m
}

func (r *javaReader) value() any {
	if r.depth++; r.depth > maxDepth {
		r.fail(errors.New("it is nested too deep"))
	}
	defer func() { r.depth-- }()
	if r.err != nil {
		return nil
	}
	switch tag := r.u8(); tag {
	case tcNull:
		return nil
	case tcReference:
		return r.handle(r.u32() - firstHandle)
	case tcString:
		return r.keep(r.utf())
	case tcArray:
		if c := r.class(); r.err == nil && (c == nil || c.name != "[B") {
			r.fail(errors.New("it holds an array of something else than bytes"))
		}
		i := len(r.handles)
		r.keep(nil)
		b := r.take(r.u32())
		r.handles[i] = b
		return b
	case tcObject:
		c := r.class()
		m := map[string]any{}
		r.keep(m)
		r.fields(c, m)
		return m
	default:
		r.fail(fmt.Errorf("it holds an element of kind %#x", tag))
		return nil
	}
}

func (r *javaReader) keep(v any) any {
	r.handles = append(r.handles, v)
	return v
}

func (r *javaReader) handle(i int) any {
	if i < 0 || i >= len(r.handles) {
		r.fail(errors.New("it refers to nothing"))
		return nil
	}
	return r.handles[i]
}

func (r *javaReader) class() *class {
	if r.depth++; r.depth > maxDepth {
		r.fail(errors.New("it is nested too deep"))
	}
	defer func() { r.depth-- }()
	if r.err != nil {
		return nil
	}
	switch tag := r.u8(); tag {
	case tcNull:
		return nil
	case tcReference:
		c, _ := r.handle(r.u32() - firstHandle).(*class)
		return c
	case tcClassDesc:
	default:
		r.fail(fmt.Errorf("it has %#x for a class", tag))
		return nil
	}
	c := &class{name: r.utf()}
	r.take(8) // serialVersionUID
	r.keep(c)
	if flags := r.u8(); flags != 2 && r.err == nil { // serializable, without a writeObject of its own
		r.fail(fmt.Errorf("class %s writes itself", c.name))
	}
	for range r.u16() {
		f := classField{kind: byte(r.u8()), name: r.utf()}
		if f.kind != 'L' && f.kind != '[' {
			r.fail(fmt.Errorf("field %s.%s is of kind %q", c.name, f.name, f.kind))
		}
		if r.err != nil {
			return nil
		}
		r.value() // its type
		c.fields = append(c.fields, f)
	}
	if r.u8() != tcEndBlock {
		r.fail(errors.New("a class has annotations"))
	}
	c.super = r.class()
	return c
}

func (r *javaReader) fields(c *class, m map[string]any) {
	if c == nil || r.err != nil {
		return
	}
	r.fields(c.super, m)
	for _, f := range c.fields {
		m[f.name] = r.value()
	}
}
