package jute_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
)

func TestPrimitivesHaveTheirBytes(t *testing.T) {
	for name, tc := range map[string]struct {
		got  []byte
		want string
	}{
		"int":           {jute.AppendInt32(nil, -2), "\xff\xff\xff\xfe"},
		"long":          {jute.AppendInt64(nil, math.MinInt64+1), "\x80\x00\x00\x00\x00\x00\x00\x01"},
		"true":          {jute.AppendBool(nil, true), "\x01"},
		"false":         {jute.AppendBool(nil, false), "\x00"},
		"buffer":        {jute.AppendBytes(nil, []byte("ab")), "\x00\x00\x00\x02ab"},
		"empty buffer":  {jute.AppendBytes(nil, []byte{}), "\x00\x00\x00\x00"},
		"null buffer":   {jute.AppendBytes(nil, nil), "\xff\xff\xff\xff"},
		"string":        {jute.AppendString(nil, "é"), "\x00\x00\x00\x02\xc3\xa9"},
		"empty string":  {jute.AppendString(nil, ""), "\x00\x00\x00\x00"},
		"strings":       {jute.AppendStrings(nil, []string{"a", ""}), "\x00\x00\x00\x02\x00\x00\x00\x01a\x00\x00\x00\x00"},
		"nil strings":   {jute.AppendStrings(nil, nil), "\x00\x00\x00\x00"},
		"after another": {jute.AppendBool([]byte("x"), true), "x\x01"},
	} {
		require.Equal(t, tc.want, string(tc.got), name)
	}
}

func TestDecodingReversesEncoding(t *testing.T) {
	b := jute.AppendInt32(nil, math.MinInt32)
	b = jute.AppendInt64(b, math.MaxInt64)
	b = jute.AppendBool(b, true)
	b = jute.AppendBytes(b, nil)
	b = jute.AppendBytes(b, []byte{})
	b = jute.AppendBytes(b, []byte("data"))
	b = jute.AppendString(b, "text")
	b = jute.AppendInt32(b, -1) // a null string
	b = jute.AppendStrings(b, []string{"x", "", "yz"})
	b = jute.AppendInt32(b, -1) // a null vector
	b = append(b, "rest"...)
	d := jute.NewDecoder(b)
	require.EqualValues(t, math.MinInt32, d.Int32())
	require.EqualValues(t, math.MaxInt64, d.Int64())
	require.True(t, d.Bool())
	require.Nil(t, d.Bytes())
	empty := d.Bytes()
	require.NotNil(t, empty)
	require.Empty(t, empty)
	require.Equal(t, "data", string(d.Bytes()))
	require.Equal(t, "text", string(d.StringView()))
	require.Empty(t, d.String())
	require.Equal(t, []string{"x", "", "yz"}, d.Strings())
	require.Nil(t, d.Strings())
	require.Equal(t, len(b)-4, d.Offset())
	require.Equal(t, 4, d.Remaining())
	require.Equal(t, "rest", string(d.Rest()))
	require.Zero(t, d.Remaining())
	require.NoError(t, d.Err())
}

func TestWhatCannotBeReadIsRefusedAndSticks(t *testing.T) {
	for name, tc := range map[string]struct {
		in    string
		read  func(*jute.Decoder)
		field string
		at    int
	}{
		"int cut":              {"\x00\x00\x00", func(d *jute.Decoder) { d.Int32() }, "int", 0},
		"long cut":             {"\x00\x00\x00\x00\x00\x00\x00", func(d *jute.Decoder) { d.Int64() }, "long", 0},
		"no boolean":           {"", func(d *jute.Decoder) { d.Bool() }, "boolean", 0},
		"null is refused":      {"\xff\xff\xff\xff", func(d *jute.Decoder) { d.NotNull() }, "ustring", 4},
		"buffer beyond input":  {"\x00\x00\x00\x05abcd", func(d *jute.Decoder) { d.Bytes() }, "buffer", 0},
		"buffer of -2":         {"\xff\xff\xff\xfe", func(d *jute.Decoder) { d.Bytes() }, "buffer", 0},
		"string of 2 GiB":      {"\x7f\xff\xff\xff", func(d *jute.Decoder) { _ = d.String() }, "ustring", 0},
		"vector beyond input":  {"\x00\x00\x00\x02\x00\x00\x00\x00", func(d *jute.Decoder) { d.Strings() }, "vector", 0},
		"vector of 2^31-1":     {"\x7f\xff\xff\xff", func(d *jute.Decoder) { d.VectorLen(0) }, "vector", 0},
		"vector element cut":   {"\x00\x00\x00\x01\x00\x00\x00\x09abc", func(d *jute.Decoder) { d.Strings() }, "ustring", 4},
		"failed by the caller": {"\x00\x00\x00\x01", func(d *jute.Decoder) { d.Int32(); d.Fail("mode", "9 is none") }, "mode", 4},
	} {
		t.Run(name, func(t *testing.T) {
			d := jute.NewDecoder([]byte(tc.in))
			tc.read(&d)
			var e *jute.Error
			require.ErrorAs(t, d.Err(), &e)
			require.Equal(t, tc.field, e.Field)
			require.Equal(t, tc.at, e.Offset)
			require.Contains(t, e.Error(), tc.field)
			first := d.Err()
			require.Zero(t, d.Int32())
			require.Zero(t, d.Int64())
			require.False(t, d.Bool())
			require.Nil(t, d.Bytes())
			require.Empty(t, d.String())
			require.Nil(t, d.Strings())
			require.Equal(t, -1, d.VectorLen(1))
			d.Fail("later", "ignored")
			require.ErrorIs(t, first, d.Err())
		})
	}
}

func TestReadAsTheOriginalsDo(t *testing.T) {
	d := jute.NewDecoder([]byte("\x02\xff\xff\xff\xfe\x00\x00\x00\x00"))
	require.True(t, d.Bool(), "any byte but 0")
	require.Equal(t, 0, d.VectorLen(1), "a negative count")
	require.Equal(t, []byte{}, d.NotNull())
	require.NoError(t, d.Err())
}

func TestDecodedSlicesCannotGrowIntoTheInput(t *testing.T) {
	b := append(jute.AppendBytes(nil, []byte("ab")), 'c')
	d := jute.NewDecoder(b)
	_ = append(d.Bytes(), 'X')
	require.Equal(t, byte('c'), b[len(b)-1])
}

func FuzzDecoder(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6}, jute.AppendStrings(nil, []string{"a", "b"}))
	f.Add([]byte{5, 6, 3, 3}, []byte{0, 0, 0, 2, 'a', 'b', 0x7f, 0xff, 0xff, 0xfe})
	f.Add([]byte{6}, []byte{0x10, 0, 0, 0})
	f.Fuzz(func(t *testing.T, calls, b []byte) {
		d := jute.NewDecoder(b)
		var again []byte // what was read, written again
		for _, c := range calls {
			var got []byte
			at := d.Offset()
			switch c % 7 {
			case 0:
				got = jute.AppendInt32(nil, d.Int32())
			case 1:
				got = jute.AppendInt64(nil, d.Int64())
			case 2:
				got = jute.AppendBool(nil, d.Bool())
			case 3:
				got = jute.AppendBytes(nil, d.Bytes())
			case 4:
				got = jute.AppendString(nil, d.String())
			case 5:
				got = jute.AppendStrings(nil, d.Strings())
			case 6:
				n := d.VectorLen(3)
				if n > len(b) {
					t.Fatalf("a vector of %d was accepted in %d bytes", n, len(b))
				}
				got = jute.AppendInt32(nil, int32(n))
			}
			if d.Err() != nil {
				break
			}
			switch c % 7 { // what has several spellings
			case 2:
				got = b[at:d.Offset()]
			case 5, 6:
				if b[at] >= 0x80 {
					got = b[at:d.Offset()]
				}
			}
			again = append(again, got...)
		}
		if d.Offset() > len(b) || d.Offset() < 0 {
			t.Fatalf("offset %d in %d bytes", d.Offset(), len(b))
		}
		if d.Err() == nil && len(again) != d.Offset() {
			t.Fatalf("%d bytes were read as %d", d.Offset(), len(again))
		}
		if d.Err() == nil && !bytes.Equal(again, b[:d.Offset()]) {
			for i := range again { // only null lengths may differ: they read as empty
				if again[i] != b[i] && (again[i] != 0 || b[i] != 0xff) {
					t.Fatalf("%x was read as %x", b[:d.Offset()], again)
				}
			}
		}
	})
}
