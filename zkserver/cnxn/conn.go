package cnxn

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/sock"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

const (
	firstBuffer = 4 << 10
	bulkBuffer  = 128 << 10 // a connection that fills its buffer gets a larger one, up to this
	littleReads = 32        // after so many small reads in a row the small buffer is taken again
	lingerTime  = time.Second
)

// Conn is one client connection.
type Conn struct {
	nc     net.Conn
	port   *Port
	client Client                 // of the connection's goroutine
	shown  atomic.Pointer[Client] // the same, for others
	sock   *sock.Conn             // nc, for short reads and writes
	secure *tls.Conn              // nc, if it speaks TLS
	wire   *wire                  // below secure; these change once, under the lock, before there is a client

	mu    sync.Mutex
	roomy *sync.Cond // signalled when the outbox shrinks
	// Out holds the frames to send. Append to it while holding the lock, then Flush.
	Out           []byte
	spare         []byte // an empty buffer to become Out
	unsent        int    // bytes taken from Out and not yet written
	sending       bool   // somebody is writing
	closeWhenSent bool
	clientFirst   bool // the client closes, or the linger time is over
	dead          bool
	reason        error // why it was closed

	at       place      // who reads it (gather.go)
	bare     *sock.Bare // the socket, in place of nc and sock, unless it is at home
	number   uint64     // of the gatherer's
	gatherer *gatherer  // nil at home
	much     bool       // more than muchAtOnce was sent since it was gathered
	wanted   bool       // somebody waits until it is at home

	// Of the connection's goroutine: bytes of large frames that were counted, of the one being received and of complete
	// ones; and whether the one being received has been let in.
	largePart, largeDone int
	letIn                bool

	settling settling // gather.go; of whoever reads it

	leaving atomic.Bool // Leaving

	heard    atomic.Int64 // when bytes last came, nanoseconds since 1970
	received atomic.Int64 // packets
	sent     atomic.Int64
	opened   time.Time
	addr     net.Addr
}

// RemoteAddr is the client's address.
func (c *Conn) RemoteAddr() net.Addr { return c.addr }

// Port is the port it came by.
func (c *Conn) Port() *Port { return c.port }

// Client is the state the server keeps for the connection, nil before its connect request.
func (c *Conn) Client() Client {
	if p := c.shown.Load(); p != nil {
		return *p
	}
	return nil
}

// Leaving tells that the client has been told that nothing more comes: only its own end of the connection may still be open.
func (c *Conn) Leaving() bool { return c.leaving.Load() }

// LastHeard is when bytes of the client last came.
func (c *Conn) LastHeard() time.Time { return time.Unix(0, c.heard.Load()) }

// Opened is when the connection was accepted.
func (c *Conn) Opened() time.Time { return c.opened }

// Packets are the counts of packets received and sent.
func (c *Conn) Packets() (received, sent int64) { return c.received.Load(), c.sent.Load() }

// ResetPackets sets both counts to zero.
func (c *Conn) ResetPackets() { c.received.Store(0); c.sent.Store(0) }

// Close closes the connection at once, for the given reason; the first reason stays. It does not wait for the reader.
func (c *Conn) Close(reason error) {
	c.mu.Lock()
	if c.reason == nil {
		c.reason = reason
	}
	first := !c.dead
	c.dead = true
	nc, secure, bare := c.nc, c.secure, c.bare
	if first && c.at == watched {
		c.sendHome(nil)
	}
	c.roomy.Broadcast()
	c.mu.Unlock()
	switch {
	case !first:
	case bare != nil: // if it is gathered, the gatherer will see
		bare.Close()
	case secure != nil: // it says goodbye, for which a client that does not read makes it wait
		c.port.group.Go(func() { _ = secure.Close() }) // the connection's goroutine is still there
	default:
		_ = nc.Close()
	}
}

// run is the connection's goroutine.
func (c *Conn) run() {
	var err error
	var buf []byte
	n := 0
	if c.port.opts.TLS != nil {
		buf, n, err = c.begin()
	}
	if err == nil {
		c.countPlain()
		err = c.read(buf, n)
	}
	if !errors.Is(err, errGathered) {
		c.finish(err)
	}
}

// finish is the last that the connection's goroutine does.
func (c *Conn) finish(err error) {
	c.Close(err)
	c.port.opts.Large.Add(int64(-c.largePart - c.largeDone))
	c.mu.Lock()
	reason := c.reason
	c.mu.Unlock()
	if c.client != nil {
		c.client.Closed(reason)
	}
	c.port.forget(c, reason)
}

// countPlain counts a connection without TLS.
func (c *Conn) countPlain() {
	if c.secure != nil {
		return
	}
	if t, ok := c.addr.(*net.TCPAddr); ok && t.IP.IsLoopback() {
		c.port.local.Add(1)
	} else {
		c.port.remote.Add(1)
	}
}

// errStop ends a connection that has been answered and needs no more reading.
var errStop = errors.New("cnxn: done")

// read is the reading loop: it returns why the connection ends, or errGathered. n bytes have been read into buf already, if that is not nil.
func (c *Conn) read(buf []byte, n int) error {
	var (
		start, end int
		little     int // reads in a row that would have fitted into a small buffer
		frames     [][]byte
	)
	if buf == nil {
		buf = make([]byte, firstBuffer)
	}
	if c.client == nil {
		_ = c.nc.SetReadDeadline(c.port.now().Add(c.port.opts.HandshakeTimeout))
	}
	for ; ; n = 0 {
		var err error
		if n == 0 {
			n, err = c.sock.Read(buf[end:])
		}
		if n == 0 && err != nil {
			return c.ended(err, end-start)
		}
		end += n
		c.heard.Store(c.port.now().UnixNano())
		var need int
		fresh := c.client == nil
		frames, start, need, err = c.cut(buf[:end], start, frames[:0])
		if len(frames) > 0 {
			if herr := c.handle(frames); herr != nil {
				if errors.Is(herr, errStop) {
					return c.drain(buf)
				}
				return herr
			}
		}
		if err != nil {
			c.oversized(err, buf[start:end])
			return err
		}
		if !fresh && c.settle(frames, start < end) && c.leaveHome() {
			return errGathered
		}
		filled := end == len(buf)
		if little++; n > firstBuffer/2 {
			little = 0
		}
		switch {
		case start == end:
			start, end = 0, 0
			switch {
			case len(buf) > firstBuffer && little >= littleReads:
				buf = make([]byte, firstBuffer)
			case len(buf) > bulkBuffer || (filled && len(buf) < bulkBuffer):
				buf = make([]byte, min(2*len(buf), bulkBuffer))
			}
		case filled || need > len(buf)-start:
			next := buf
			if need > len(buf) || start < len(buf)/2 {
				// Grow with what really arrives: a frame that only claims to be large costs nothing.
				next = make([]byte, max(min(need, 2*len(buf)), min(2*len(buf), bulkBuffer), len(buf)))
			}
			end = copy(next, buf[start:end])
			start, buf = 0, next
		}
	}
}

// cut finds the complete frames in buf from start on. need is the size of the incomplete frame that follows, 0 when not
// even its length is there.
func (c *Conn) cut(buf []byte, start int, frames [][]byte) (_ [][]byte, next, need int, err error) {
	for len(buf)-start >= 4 {
		head := buf[start : start+4]
		if c.client == nil && len(frames) == 0 && isWord(head) {
			word := string(head)
			need := 4 + c.port.server.Argument(word)
			if len(buf)-start < need {
				return frames, start, need, nil
			}
			if err := c.command(word, buf[start+4:start+need]); err != nil {
				return frames, start, 0, err
			}
		}
		length := int(int32(binary.BigEndian.Uint32(head)))
		if !c.letIn {
			if need, err := c.admit(buf[start:], length); need > 0 || err != nil {
				return frames, start, need, err
			}
			c.letIn = true
		}
		if len(buf)-start-4 < length {
			return frames, start, length + 4, nil
		}
		c.letIn = false
		c.largeDone, c.largePart = c.largeDone+c.largePart, 0
		frames = append(frames, buf[start+4:start+4+length:start+4+length])
		start += 4 + length
	}
	return frames, start, 0, nil
}

// admit decides about the frame that buf begins with. need tells how many bytes it takes to decide, if more than there are.
func (c *Conn) admit(buf []byte, length int) (need int, err error) {
	limits, head := c.port.limits.Load(), buf[:4]
	if length < 0 || length > limits.MaxBuffer {
		if length < 0 || c.client == nil || length > watchesFactor*limits.MaxBuffer {
			return 0, c.badLength(head, length)
		}
		if len(buf) < 12 {
			return 12, nil
		}
		switch zkproto.OpCode(int32(binary.BigEndian.Uint32(buf[8:12]))) {
		case zkproto.OpSetWatches, zkproto.OpSetWatches2: // a client cannot help having many watches (ZOOKEEPER-706)
		default:
			return 0, c.badLength(head, length)
		}
	}
	if from := c.port.opts.LargeFrom; from >= 0 && limits.LargeTotal > 0 && length > from {
		if sum := c.port.opts.Large.Add(int64(length)); sum > int64(limits.LargeTotal) {
			c.port.opts.Large.Add(int64(-length))
			c.port.tooLarge.Add(1)
			return 0, fmt.Errorf("cnxn: a request of %d bytes is refused: large requests of %d bytes are under way (largeRequestMaxBytes)",
				length, sum-int64(length))
		}
		c.largePart = length
	}
	return 0, nil
}

// watchesFactor is how many times larger than others a setWatches may be.
const watchesFactor = 16

// oversized tells the client's side of a frame that is too large, with what can be had of its beginning.
func (c *Conn) oversized(err error, frame []byte) {
	var fe *FrameError
	o, ok := c.client.(Oversized)
	if !ok || !errors.As(err, &fe) || fe.Length < 0 || len(frame) < 4 {
		return
	}
	c.port.oversized.Add(1)
	head := append([]byte(nil), frame[4:]...)
	if enough := min(fe.Length, 1<<10); len(head) < enough {
		_ = c.nc.SetReadDeadline(c.port.now().Add(200 * time.Millisecond))
		more := make([]byte, enough-len(head))
		n, _ := io.ReadFull(c.nc, more)
		head = append(head, more[:n]...)
	}
	o.Oversized(fe, head)
}

func (c *Conn) badLength(head []byte, length int) error {
	hint := ""
	switch {
	case head[0] == 0x16 && head[1] == 0x03:
		hint = " (it looks like TLS: this port takes plain connections)"
	case isText(head):
		hint = fmt.Sprintf(" (it begins with the text %q: some other protocol?)", head)
	case length > 0:
		hint = " (raise jute.maxbuffer on servers and clients if such sizes are meant)"
	}
	return &FrameError{Length: length, Max: c.port.limits.Load().MaxBuffer, Hint: hint}
}

// FrameError is a frame length out of bounds: garbage, another protocol, or a request that is too large.
type FrameError struct {
	Length, Max int
	Hint        string
}

func (e *FrameError) Error() string {
	return fmt.Sprintf("cnxn: frame of %d bytes, allowed are 0 to %d (jute.maxbuffer)%s", e.Length, e.Max, e.Hint)
}

func isWord(b []byte) bool {
	for _, x := range b {
		if x < 'a' || x > 'z' {
			return false
		}
	}
	return true
}

func isText(b []byte) bool {
	for _, x := range b {
		if x < ' ' || x > '~' {
			return false
		}
	}
	return true
}

// command answers a four-letter word, if it is one.
func (c *Conn) command(word string, arg []byte) error {
	c.received.Add(1) // before the answer, which may count it
	answer, ok := c.port.server.Command(word, arg, c)
	if !ok {
		c.received.Add(-1)
		return nil
	}
	c.mu.Lock()
	c.Out = append(c.Out, answer...)
	c.closeWhenSent = true
	c.mu.Unlock()
	c.Flush()
	return c.drain(make([]byte, 512))
}

// drain reads and drops what the client still sends, until it closes or the linger time is over.
func (c *Conn) drain(buf []byte) error {
	for {
		if _, err := c.nc.Read(buf); err != nil {
			return io.EOF
		}
	}
}

// handle passes frames on: the first one of a connection is its connect request.
func (c *Conn) handle(frames [][]byte) error {
	c.received.Add(int64(len(frames)))
	if c.client == nil {
		if err := c.connect(frames[0]); err != nil {
			return err
		}
		frames = frames[1:]
		if len(frames) == 0 {
			return nil
		}
	}
	err := c.client.Requests(frames)
	if c.largeDone > 0 {
		c.port.opts.Large.Add(int64(-c.largeDone))
		c.largeDone = 0
	}
	if err == nil {
		c.AwaitRoom(func() bool { return true })
	}
	return err
}

func (c *Conn) connect(frame []byte) error {
	var req zkproto.ConnectRequest
	d := jute.NewDecoder(frame)
	req.Decode(&d)
	if err := d.Err(); err != nil {
		return fmt.Errorf("cnxn: connect request: %w", err)
	}
	client := c.port.server.Accept(c)
	c.client = client
	c.shown.Store(&client)
	if err := client.Connect(&req); err != nil {
		return err
	}
	_ = c.nc.SetReadDeadline(time.Time{})
	c.mu.Lock()
	again := c.closeWhenSent // a deadline set by endWriting must not be lost
	c.mu.Unlock()
	if again {
		_ = c.nc.SetReadDeadline(c.port.now().Add(lingerTime))
	}
	return nil
}

// ErrStop is what a Client returns when the connection has got its last answer: it stays open until that is sent.
var ErrStop = errStop

// ended says why a read failed. left is the size of an incomplete frame.
func (c *Conn) ended(err error, left int) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && c.client != nil:
		return io.EOF // the linger time of a connection that has got its last answer
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.port.silent.Add(1)
		return fmt.Errorf("cnxn: no connect request within %v, %d bytes came", c.port.opts.HandshakeTimeout, left)
	case errors.Is(err, io.EOF) && left > 0:
		return fmt.Errorf("cnxn: the client closed within a frame, after %d bytes of it: %w", left, io.ErrUnexpectedEOF)
	case sock.Reset(err):
		return io.EOF // how many clients say goodbye
	default:
		return err
	}
}
