package sock

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What the sockets of this very system answer is known by its name, whatever the system.
func TestFailuresHaveTheSameNamesEverywhere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, err = net.Listen("tcp", l.Addr().String())
	require.True(t, AddressInUse(err), "%v", err)
	require.False(t, Refused(err) || Reset(err) || TimedOut(err) || Unreachable(err) || Forbidden(err), "%v", err)

	c, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	other, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, other.(*net.TCPConn).SetLinger(0)) // its end is a reset
	require.NoError(t, other.Close())
	require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
	_, err = c.Read(make([]byte, 1))
	require.True(t, Reset(err), "%v", err)
	require.NoError(t, c.Close())

	require.NoError(t, l.Close())
	_, err = net.DialTimeout("tcp", l.Addr().String(), time.Minute)
	require.True(t, Refused(err), "%v", err)
	require.False(t, AddressInUse(err), "%v", err)

	for _, other := range []error{nil, io.EOF, errors.New("connection refused")} {
		require.False(t, AddressInUse(other) || Refused(other) || Reset(other) || TimedOut(other) || Unreachable(other) || Forbidden(other))
	}
}
