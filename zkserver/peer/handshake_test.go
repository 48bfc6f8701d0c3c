package peer

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/election"
)

func TestHandshakeForms(t *testing.T) {
	for _, c := range []struct {
		h     hello
		multi bool
		begin int64
		text  string
	}{
		{hello{1, []string{"10.0.0.1:3888"}}, false, -65536, "10.0.0.1:3888"},
		{hello{1, []string{"[2001:db8::1]:3888"}}, false, -65536, "[2001:db8::1]:3888"},
		{hello{255, []string{"a:1", "b:2"}}, true, -65535, "a:1|b:2"},
		{hello{3, []string{"0.0.0.0:3888"}}, true, -65535, "0.0.0.0:3888"},
	} {
		b := encodeHello(c.h, c.multi)
		require.Equal(t, c.begin, int64(binary.BigEndian.Uint64(b)))
		require.Equal(t, c.text, string(b[20:]))
		got, err := readHello(bytes.NewReader(b))
		require.NoError(t, err)
		require.Equal(t, c.h, got)
	}
	// Without multiAddress.enabled only the first address is told.
	b := encodeHello(hello{1, []string{"a:1", "b:2"}}, false)
	got, err := readHello(bytes.NewReader(b))
	require.NoError(t, err)
	require.Equal(t, hello{1, []string{"a:1"}}, got)
}

// handshake makes one by hand.
func handshake(version, sid int64, n int32, text string) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(version))
	b = binary.BigEndian.AppendUint64(b, uint64(sid))
	return append(binary.BigEndian.AppendUint32(b, uint32(n)), text...)
}

// badHandshakes and what the log says of them.
var badHandshakes = map[string]struct {
	in   []byte
	want string
}{
	"web":                  {[]byte("GET / HTTP/1.1\r\n\r\n"), `begins with "GET / HT" (an HTTP client?)`},
	"tls":                  {[]byte{0x16, 3, 1, 2, 0, 1, 0, 1}, "a TLS handshake?"},
	"client of ZooKeeper":  {append([]byte{0, 0, 0, 45, 0, 0, 0, 0}, make([]byte, 41)...), "that is no server"},
	"four-letter word":     {[]byte("ruok\n\n\n\n"), "that is no server"},
	"unknown version":      {handshake(-65534, 1, 3, "a:1"), "no known version of the handshake"},
	"negative id":          {handshake(-65536, -3, 3, "a:1"), "negative server id -3"},
	"no id":                {handshake(-65536, 1<<63-1, 3, "a:1"), "an observer without an id"},
	"no address":           {handshake(-65536, 1, 0, ""), "address of 0 bytes"},
	"negative length":      {handshake(-65536, 1, -1, ""), "address of -1 bytes"},
	"huge length":          {handshake(-65536, 1, 1<<30, "a"), "address of 1073741824 bytes"},
	"address without port": {handshake(-65536, 1, 4, "host"), `bad address "host"`},
	"bad port":             {handshake(-65536, 1, 7, "host:ab"), `bad address "host:ab"`},
	"port out of range":    {handshake(-65536, 1, 10, "host:70000"), `bad address "host:70000"`},
	"not text":             {handshake(-65536, 1, 4, "\xff\xfe:1"), "not UTF-8 text"},
	"many addresses":       {handshake(-65535, 1, 159, strings.Repeat("a:1|", 39)+"a:1"), "40 addresses"},
}

func TestBadHandshakes(t *testing.T) {
	for name, c := range badHandshakes {
		_, err := readHello(bytes.NewReader(c.in))
		require.ErrorContains(t, err, c.want, name)
	}
	good := handshake(-65536, 1, 3, "a:1")
	for cut := range good {
		_, err := readHello(bytes.NewReader(good[:cut]))
		require.Error(t, err)
	}
}

func TestNotificationForms(t *testing.T) {
	v := election.Vote{Leader: 3, Zxid: 0x500000007, Round: 9, PeerEpoch: 6}
	n := election.Notification{State: election.Leading, Vote: v, Version: 2, Config: []byte("server.1=a:1:2\nversion=0")}
	frame := appendFrame(nil, &n)
	b, err := readFrame(bytes.NewReader(frame))
	require.NoError(t, err)
	require.Len(t, b, 44+len(n.Config))
	got, err := decodeNotification(b)
	require.NoError(t, err)
	require.Equal(t, n, got)

	got, err = decodeNotification(b[:28]) // 3.3: the epoch is that of the zxid
	require.NoError(t, err)
	v.PeerEpoch = 5
	require.Equal(t, election.Notification{State: election.Leading, Vote: v}, got)

	got, err = decodeNotification(b[:40]) // 3.4: its version is not believed
	require.NoError(t, err)
	v.PeerEpoch = 6
	require.Equal(t, election.Notification{State: election.Leading, Vote: v}, got)

	one := append([]byte(nil), b...)
	one[39] = 1 // version 1 has no config, whatever follows
	got, err = decodeNotification(one)
	require.NoError(t, err)
	require.Equal(t, election.Notification{State: election.Leading, Vote: v, Version: 1}, got)

	for l := range len(b) {
		_, err := decodeNotification(b[:l])
		require.Equal(t, l == 28 || l == 40, err == nil, "%d bytes", l)
	}
	for _, bad := range []int32{-1, 1 << 30} {
		binary.BigEndian.PutUint32(b[40:], uint32(bad))
		_, err := decodeNotification(b)
		require.ErrorContains(t, err, "config of")
	}
}

// What a server has seen proposed comes behind the config; whatever else is there is for later versions.
func TestNotificationTellsWhatWasSeen(t *testing.T) {
	n := election.Notification{State: election.Looking, Version: 2, Config: []byte("server.1=a:1:2\nversion=0"), Seen: []byte("server.2=b:1:2\nversion=7")}
	b := appendFrame(nil, &n)[4:]
	plain := n
	plain.Seen = nil
	require.Equal(t, appendFrame(nil, &plain)[4:], b[:44+len(n.Config)], "as without it, up to where an original reads")
	got, err := decodeNotification(b)
	require.NoError(t, err)
	require.Equal(t, n, got)
	for l := 44 + len(n.Config); l < len(b); l++ {
		got, err = decodeNotification(b[:l])
		require.NoError(t, err)
		require.Equal(t, plain, got, "%d bytes", l)
	}
	b[44+len(n.Config)]++
	got, err = decodeNotification(b)
	require.NoError(t, err)
	require.Equal(t, plain, got, "of another kind")
}

func TestBadFrames(t *testing.T) {
	for _, n := range []int32{0, -1, maxFrame + 1, 1<<31 - 1} {
		_, err := readFrame(bytes.NewReader(append(binary.BigEndian.AppendUint32(nil, uint32(n)), 1, 2, 3)))
		require.ErrorContains(t, err, "bad frame")
	}
	_, err := readFrame(bytes.NewReader([]byte{0, 0, 0, 9, 1}))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = readFrame(bytes.NewReader(nil))
	require.ErrorIs(t, err, io.EOF)
}

func FuzzHandshake(f *testing.F) {
	for _, c := range badHandshakes {
		f.Add(c.in)
	}
	f.Add(encodeHello(hello{1, []string{"a:1", "[::1]:2"}}, true))
	f.Fuzz(func(t *testing.T, in []byte) {
		h, err := readHello(bytes.NewReader(in))
		if err != nil || h.addresses == nil {
			return
		}
		again, err := readHello(bytes.NewReader(encodeHello(h, true)))
		if err == nil { // it may have grown too long: brackets
			require.Equal(t, h, again)
		}
	})
}

func FuzzNotification(f *testing.F) {
	f.Add(appendFrame(nil, vote(1, 2, 3).Vote)[4:])
	f.Add(make([]byte, 28))
	f.Add(make([]byte, 40))
	f.Add(appendFrame(nil, &election.Notification{Config: []byte("server.1=a:1:2"), Seen: []byte("server.2=b:1:2")})[4:])
	f.Fuzz(func(t *testing.T, in []byte) {
		n, err := decodeNotification(in)
		if err != nil || n.Version != election.NotificationVersion {
			return
		}
		again, err := decodeNotification(appendFrame(nil, &n)[4:])
		require.NoError(t, err)
		require.Equal(t, n, again)
		frame := appendFrame(nil, &n)[4:]
		require.Equal(t, in[:len(frame)], frame)
	})
}
