package peer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

const testLimit = 1 << 20

// packets are of every shape.
func packets() []zab.Message {
	return []zab.Message{
		{Type: zab.Ping, Zxid: 1},
		{Type: zab.Request, Zxid: -1, Data: []byte("some data"), Auth: []zkproto.ID{{Scheme: "ip", ID: "::1"}, {Scheme: "", ID: ""}}},
		{Type: zab.Request, Zxid: -1, Data: []byte("more"), Auth: []zkproto.ID{{Scheme: "ip", ID: "::1"}, {Scheme: "", ID: ""}}},
		{Type: zab.Request, Data: []byte{}, Auth: []zkproto.ID{}},
		{Type: zab.Proposal, Zxid: 1 << 40, Data: bytes.Repeat([]byte("p"), 70_000)},
		{Type: zab.Commit, Zxid: 1 << 40},
		{Type: zab.Proposal, Zxid: 1<<40 + 1, Data: bytes.Repeat([]byte("q"), testLimit-100)},
		{Type: zab.Ack, Zxid: 7},
		{Type: zab.InformAndActivate, Data: []byte("end")},
	}
}

func encode(msgs []zab.Message) (b []byte) {
	for i := range msgs {
		b = appendPacket(b, &msgs[i])
	}
	return b
}

// readAll takes all packets of a stream.
func readAll(r io.Reader, limit int) (msgs []zab.Message, err error) {
	rd := newReader(r, limit)
	for {
		batch, err := rd.batch()
		if err != nil {
			return msgs, err
		}
		msgs = append(msgs, batch...)
		if batch[len(batch)-1].Type == zab.Snap {
			return msgs, nil
		}
	}
}

func TestPacketsHoweverTheyAreCut(t *testing.T) {
	want := packets()
	b := encode(want)
	for name, r := range map[string]io.Reader{
		"whole":          bytes.NewReader(b),
		"halves":         iotest.HalfReader(bytes.NewReader(b)),
		"end with data":  iotest.DataErrReader(bytes.NewReader(b)),
		"pieces of 1000": pieces{bytes.NewReader(b), 1000},
		"pieces of 7":    pieces{bytes.NewReader(b), 7},
	} {
		got, err := readAll(r, testLimit)
		require.ErrorIs(t, err, io.EOF, name)
		require.NotErrorIs(t, err, io.ErrUnexpectedEOF, name)
		require.Equal(t, want, got, name)
		require.Equal(t, b, encode(got), name)
	}
	small := encode(want[:4])
	got, err := readAll(iotest.OneByteReader(bytes.NewReader(small)), testLimit)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, want[:4], got)
}

type pieces struct {
	r io.Reader
	n int
}

func (p pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.n)]) }

func TestDataOfPacketsStaysAsItWas(t *testing.T) {
	// All of it is looked at again in the end, when the reader has read on.
	var want []zab.Message
	for i := range 5000 {
		m := zab.Message{Type: zab.Commit, Zxid: zab.Zxid(i)}
		if i%3 != 0 {
			m.Type, m.Data = zab.Proposal, bytes.Repeat([]byte{byte(i)}, i%4096)
		}
		want = append(want, m)
	}
	got, err := readAll(pieces{bytes.NewReader(encode(want)), 5000}, testLimit)
	require.ErrorIs(t, err, io.EOF)
	require.True(t, bytes.Equal(encode(want), encode(got)))
	for i := range got {
		require.Equal(t, len(got[i].Data), cap(got[i].Data), "appending to one must not write into the next")
	}
}

func TestPacketsWithoutDataCostNoMemory(t *testing.T) {
	var acks []zab.Message
	for i := range 1000 {
		acks = append(acks, zab.Message{Type: zab.Ack, Zxid: zab.Zxid(i)})
	}
	b := encode(acks)
	src := bytes.NewReader(b)
	r := newReader(pieces{src, 600}, testLimit)
	n := testing.AllocsPerRun(20, func() {
		src.Reset(b)
		for {
			if _, err := r.batch(); err != nil {
				return
			}
		}
	})
	require.Zero(t, n)
}

func TestBadPackets(t *testing.T) {
	head := func(typ int32, dataLen int32, rest ...byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(typ))
		b = binary.BigEndian.AppendUint64(b, 1)
		return append(binary.BigEndian.AppendUint32(b, uint32(dataLen)), rest...)
	}
	for name, c := range map[string]struct {
		in   []byte
		want string
	}{
		"type 0":              {head(0, -1), "no type of a packet"},
		"notification":        {head(int32(zab.Notification), -1), "no type of a packet"},
		"replay":              {head(int32(zab.Replay), -1), "no type of a packet"},
		"web":                 {[]byte("GET / HTTP/1.1\r\n"), "an HTTP client?"},
		"tls":                 {[]byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc}, "a TLS handshake?"},
		"negative data":       {head(1, -2), "data of -2 bytes"},
		"long data":           {head(1, testLimit), "data of 1048576 bytes"},
		"huge data":           {head(1, 1<<31-1), "data of 2147483647 bytes"},
		"many identities":     {head(1, -1, 0x7f, 0, 0, 0), "2130706432 identities"},
		"long identity":       {head(1, -1, 0, 0, 0, 1, 0, 0x7f, 0, 0), "identity of 8323072 bytes"},
		"negative identity":   {head(1, -1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xf0), "identity of -16 bytes"},
		"ends in the head":    {head(1, -1)[:10], "ended within a packet"},
		"ends in the data":    {head(1, 10, 1, 2), "ended within a packet"},
		"ends before the ids": {head(1, -1), "ended within a packet"},
	} {
		good := zab.Message{Type: zab.Ping}
		msgs, err := readAll(bytes.NewReader(append(encode([]zab.Message{good}), c.in...)), testLimit)
		require.ErrorContains(t, err, c.want, name)
		require.Equal(t, []zab.Message{good}, msgs, "%s: what came before counts", name)
	}
}

func TestLongPacketIsBelievedOnlyAsItComes(t *testing.T) {
	b := binary.BigEndian.AppendUint32(nil, uint32(zab.Proposal))
	b = binary.BigEndian.AppendUint64(b, 1)
	b = binary.BigEndian.AppendUint32(b, 1<<29)
	r := newReader(bytes.NewReader(b), 1<<30)
	_, err := r.batch()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.LessOrEqual(t, len(r.buf), bulkSize)
}

func TestSnapshotBody(t *testing.T) {
	in := append(append([]byte(nil), emptySnapshot...), 0, 0, 0, 10)
	in = append(in, signature...)
	after := encode([]zab.Message{{Type: zab.Ping, Zxid: 3}})
	for _, size := range []int{1, 3, 7, 64, 4096} {
		r := newReader(pieces{bytes.NewReader(append(in[:len(in):len(in)], after...)), size}, testLimit)
		b := newBody(r)
		got, err := io.ReadAll(pieces{b, size})
		require.NoError(t, err)
		require.Equal(t, emptySnapshot, got)
		require.True(t, b.done())
		m, err := r.one()
		require.NoError(t, err)
		require.Equal(t, zab.Zxid(3), m.Zxid)
	}
	for cut := range in {
		b := newBody(newReader(bytes.NewReader(in[:cut]), testLimit))
		_, err := io.Copy(io.Discard, b)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "cut at %d", cut)
		require.False(t, b.done())
	}
}

func FuzzPackets(f *testing.F) {
	f.Add(encode(packets()[:4]), 3)
	f.Add([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 100)
	f.Add(encode([]zab.Message{{Type: zab.Snap}}), 1)
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		const limit = 1 << 16
		whole, err := readAll(bytes.NewReader(in), limit)
		if err == nil && whole[len(whole)-1].Type != zab.Snap {
			t.Fatal("a stream without an end")
		}
		parts, perr := readAll(pieces{bytes.NewReader(in), max(1, size%4096)}, limit)
		require.Equal(t, whole, parts)
		var bad, pbad *packetError // their texts may show more or fewer bytes
		require.Equal(t, errors.As(err, &bad), errors.As(perr, &pbad))
		// What is understood is written as it was, but for null texts.
		out := encode(whole)
		again, _ := readAll(bytes.NewReader(out), limit)
		require.Equal(t, whole, again)
	})
}

func FuzzSnapshotBody(f *testing.F) {
	f.Add(append(append(append([]byte(nil), emptySnapshot...), 0, 0, 0, 10), signature...))
	f.Fuzz(func(t *testing.T, in []byte) {
		b := newBody(newReader(bytes.NewReader(in), testLimit))
		out, err := io.ReadAll(b)
		require.Equal(t, err == nil, b.done())
		require.Equal(t, in[:len(out)], out)
	})
}
