package zkclient

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// MaxFrame is the largest frame, in bytes, that is accepted from a server: far above any jute.maxbuffer in use, low
// enough that a peer which does not speak the protocol cannot make the client allocate without bound.
const MaxFrame = 256 << 20

// ErrNotZooKeeper says that the peer answered with something else than the protocol of ZooKeeper.
var ErrNotZooKeeper = errors.New("the peer does not speak the zookeeper client protocol (is this its client port?)")

// ErrTLSOnly says that the peer is a port for TLS, and the connection a plain one.
var ErrTLSOnly = errors.New("it is a secureClientPort: connect to the plain clientPort, or ask for TLS")

// alertRecord is how an alert of TLS begins, type and major version: no frame is that long.
const alertRecord = 0x15<<8 | 0x03

// Session is what a server granted.
type Session struct {
	ID       zkproto.SessionID
	Password []byte        // 16 bytes
	Timeout  time.Duration // as negotiated
	ReadOnly bool          // the server is in read-only mode
}

// Handshake is what a connection asks for. The zero value asks for a new session of 30 s.
type Handshake struct {
	// Timeout is the session timeout to ask for; 0 means 30 s. The server moves it into its own bounds.
	Timeout time.Duration
	// Resume continues a session instead of opening a new one.
	Resume *Session
	// LastZxid is the last zxid the session has seen; a server that is behind it refuses the connection.
	LastZxid zkproto.Zxid
	// ReadOnly accepts a server that is cut off from its quorum.
	ReadOnly bool
	// MaxFrame is the largest frame accepted, in bytes; 0 means the constant MaxFrame.
	MaxFrame int
	// Secure makes the connection a secret one before anything is sent; nil leaves it plain.
	Secure Secure
}

// Secure does a TLS handshake on nc, which was dialled to addr (host:port, as it was asked for), within ctx. On an error nc is
// the caller's to close. What it returns closes nc.
type Secure func(ctx context.Context, nc net.Conn, addr string) (net.Conn, error)

// connect dials addr.
func connect(ctx context.Context, addr string, secure Secure) (net.Conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil || secure == nil {
		return nc, err
	}
	sc, err := secure(ctx, nc, addr)
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return sc, nil
}

// Wire is one connection after its handshake. Reads and writes may happen on two goroutines; no method is safe for use by
// two goroutines at once.
type Wire struct {
	// Session is what the server granted.
	Session Session

	nc   net.Conn
	addr string // as it was dialled
	buf  []byte
	r, w int    // buf[r:w] is read but not consumed
	max  uint32 // largest frame accepted, 0 for MaxFrame
}

// Dial connects to addr (host:port) and performs the handshake. The context bounds both. A session the server does not
// know any more is zkproto.ErrSessionExpired.
func Dial(ctx context.Context, addr string, h Handshake) (*Wire, error) {
	nc, err := connect(ctx, addr, h.Secure)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	w, err := handshake(ctx, nc, h)
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("open a session at %s: %w", addr, err)
	}
	w.addr = addr
	return w, nil
}

// handshake opens or resumes a session on nc.
func handshake(ctx context.Context, nc net.Conn, h Handshake) (*Wire, error) {
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	w := &Wire{nc: nc, buf: make([]byte, 64<<10), max: uint32(min(max(h.MaxFrame, 0), MaxFrame))}
	resp, err := w.exchange(h)
	if !stop() {
		return nil, fmt.Errorf("no answer in time: %w", context.Cause(ctx))
	}
	if err != nil {
		return nil, err
	}
	if resp.TimeoutMillis <= 0 {
		return nil, zkproto.ErrSessionExpired
	}
	w.Session = Session{
		ID: resp.SessionID, Password: append([]byte(nil), resp.Password...),
		Timeout: time.Duration(resp.TimeoutMillis) * time.Millisecond, ReadOnly: resp.ReadOnly,
	}
	return w, nil
}

func (w *Wire) exchange(h Handshake) (*zkproto.ConnectResponse, error) {
	if h.Timeout <= 0 {
		h.Timeout = 30 * time.Second
	}
	req := zkproto.ConnectRequest{
		LastZxidSeen: h.LastZxid, TimeoutMillis: int32(min(h.Timeout.Milliseconds(), 1<<31-1)),
		Password: make([]byte, 16), ReadOnly: h.ReadOnly, HasReadOnly: true,
	}
	if h.Resume != nil {
		req.SessionID, req.Password = h.Resume.ID, h.Resume.Password
	}
	frame := req.AppendTo(make([]byte, 4, 64))
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	if err := w.Write(frame); err != nil {
		return nil, err
	}
	var resp zkproto.ConnectResponse
	err := w.ReadBatch(func(frame []byte) error {
		d := jute.NewDecoder(frame)
		resp.Decode(&d)
		if d.Err() != nil {
			return fmt.Errorf("%w: %w", ErrNotZooKeeper, d.Err())
		}
		resp.Password = append([]byte(nil), resp.Password...)
		return nil
	})
	if h.Secure == nil && errors.Is(err, io.EOF) {
		err = errors.New("the server closed the connection without an answer " +
			"(it is not serving yet, has too many connections, has no quorum, or takes TLS only at this port)")
	}
	return &resp, err
}

// Write sends b, which holds whole frames, with one system call as far as the socket takes it.
func (w *Wire) Write(b []byte) error {
	_, err := w.nc.Write(b)
	return err
}

// SetReadDeadline makes ReadBatch fail at t. The zero time removes the limit.
func (w *Wire) SetReadDeadline(t time.Time) error { return w.nc.SetReadDeadline(t) }

// RemoteAddr is the server's address.
func (w *Wire) RemoteAddr() string { return w.nc.RemoteAddr().String() }

// Dialled is the server as it was named to Dial.
func (w *Wire) Dialled() string { return w.addr }

// File gives the connection to the caller as a file, and ends the Wire without ending the connection: for who reads very many
// by other means. Only a connection that was dialled over TCP can be had, and none on Windows.
func (w *Wire) File() (*os.File, error) {
	c, ok := w.nc.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, fmt.Errorf("connection to %s: %w", w.RemoteAddr(), errors.ErrUnsupported)
	}
	if w.w > w.r {
		return nil, fmt.Errorf("connection to %s: %d bytes have been read already", w.RemoteAddr(), w.w-w.r)
	}
	f, err := c.File()
	if err != nil {
		return nil, err
	}
	return f, w.nc.Close()
}

// Close closes the connection, not the session.
func (w *Wire) Close() error { return w.nc.Close() }

// ReadBatch waits until at least one whole frame is there and gives each whole frame that has arrived to fn, without
// its length prefix. The frame aliases the connection's buffer and is valid until fn returns. An error of fn ends the
// batch and is returned.
func (w *Wire) ReadBatch(fn func(frame []byte) error) error {
	for ok, err := w.whole(); !ok; ok, err = w.whole() {
		if err != nil {
			return err
		}
		if err := w.fill(); err != nil {
			return err
		}
	}
	for {
		frame, ok, err := w.next()
		if !ok || err != nil {
			return err
		}
		if err := fn(frame); err != nil {
			return err
		}
	}
}

// whole tells whether a whole frame is buffered.
func (w *Wire) whole() (bool, error) {
	if w.w-w.r < 4 {
		return false, nil
	}
	n := binary.BigEndian.Uint32(w.buf[w.r:])
	if n>>16 == alertRecord {
		return false, fmt.Errorf("%s answers in TLS: %w", w.RemoteAddr(), ErrTLSOnly)
	}
	if n > MaxFrame {
		return false, fmt.Errorf("frame of %d bytes from %s: %w", n, w.RemoteAddr(), ErrNotZooKeeper)
	}
	if w.max > 0 && n > w.max {
		return false, fmt.Errorf("reply of %d bytes from %s, allowed are %d (jute.maxbuffer)", n, w.RemoteAddr(), w.max)
	}
	return w.w-w.r-4 >= int(n), nil
}

// next takes the next whole frame out of the buffer.
func (w *Wire) next() ([]byte, bool, error) {
	ok, err := w.whole()
	if !ok || err != nil {
		return nil, false, err
	}
	n := int(binary.BigEndian.Uint32(w.buf[w.r:]))
	frame := w.buf[w.r+4 : w.r+4+n : w.r+4+n]
	w.r += 4 + n
	return frame, true, nil
}

// fill reads once, after making room for at least the rest of the frame that has begun.
func (w *Wire) fill() error {
	if w.r > 0 {
		w.w = copy(w.buf, w.buf[w.r:w.w])
		w.r = 0
	}
	if w.w == len(w.buf) { // one frame larger than the buffer: grow with what arrives, not by what the peer claims
		w.buf = append(w.buf, make([]byte, len(w.buf))...)
	}
	n, err := w.nc.Read(w.buf[w.w:])
	w.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}
