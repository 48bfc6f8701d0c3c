package elector

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// request is a ConnectRequest as the client writes it, with its length before it.
func request(session int64, password []byte) []byte {
	b := make([]byte, passwordAt, passwordAt+len(password))
	binary.BigEndian.PutUint64(b[sessionAt:], uint64(session))
	binary.BigEndian.PutUint32(b[passwordAt-4:], uint32(len(password)))
	b = append(b, password...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// response is the body of a ConnectResponse.
func response(session int64, password []byte) []byte {
	b := make([]byte, 20, 20+len(password))
	binary.BigEndian.PutUint64(b[8:], uint64(session))
	binary.BigEndian.PutUint32(b[16:], uint32(len(password)))
	return append(b, password...)
}

func TestTicketGoesFromOneRunToTheNext(t *testing.T) {
	file, log := filepath.Join(t.TempDir(), "d", "session"), zap.NewNop()
	password, none := bytes.Repeat([]byte{7}, passwordLen), make([]byte, passwordLen)
	first := readTicket(file, log)
	fresh := request(0, none)
	first.present(fresh)
	require.Equal(t, request(0, none), fresh, "there is nothing to present")
	first.issued(response(42, password))

	second := readTicket(file, log)
	frame := request(0, none)
	second.present(frame)
	require.Equal(t, request(42, password), frame)
	known := request(43, password)
	second.present(known)
	require.Equal(t, request(43, password), known, "the client has a session of its own by then")
	second.issued(response(0, none)) // it has expired
	require.NoFileExists(t, file)
	frame = request(0, none)
	second.present(frame)
	require.Equal(t, request(0, none), frame)

	third := readTicket(file, log)
	third.issued(response(44, password))
	third.tear()
	third.issued(response(45, password)) // on a connection that is being given up
	require.NoFileExists(t, file)
	require.Zero(t, readTicket(file, log).session)
}

// Frames of another shape are left alone, and a file that holds anything else is no ticket.
func FuzzTicket(f *testing.F) {
	f.Add([]byte(`{"session":"0x2a","password":"07070707070707070707070707070707"}`))
	f.Add(request(0, make([]byte, passwordLen)))
	f.Add(response(42, make([]byte, passwordLen)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		tk := &ticket{file: filepath.Join(t.TempDir(), "session"), log: zap.NewNop()}
		if tk.parse(data) == nil {
			require.NotZero(t, tk.session)
			require.Len(t, tk.password, passwordLen)
		}
		tk.session, tk.password = 42, bytes.Repeat([]byte{7}, passwordLen)
		frame := bytes.Clone(data)
		tk.present(frame)
		require.Len(t, frame, len(data))
		if len(data) < passwordAt+passwordLen {
			require.Equal(t, data, append([]byte{}, frame...))
		}
		tk.issued(data)
		tk.tear()
	})
}
