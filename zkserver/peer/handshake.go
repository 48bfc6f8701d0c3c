package peer

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// The first long of a handshake, when it is not an id (QuorumCnxManager; ZOOKEEPER-107, 3188).
const (
	handshakeV1 int64 = -65536
	handshakeV2 int64 = -65535
)

const (
	// maxHandshake bounds the text of a handshake.
	maxHandshake = 2048
	// maxAddresses bounds the addresses in it.
	maxAddresses = 32
	// anonymous is the id that observers without one sent before 3.5 (QuorumPeer.OBSERVER_ID).
	anonymous = zab.Sid(math.MaxInt64)
)

// hello is what the one that dials says first on the election port.
type hello struct {
	sid zab.Sid
	// addresses of its election port, "host:port"; none with the form of 3.4. Wildcards are still among them.
	addresses []string
}

// encodeHello makes the handshake: of the second form, with all addresses, when multi is on.
func encodeHello(h hello, multi bool) []byte {
	version, text := handshakeV1, ""
	if len(h.addresses) > 0 {
		text = h.addresses[0]
	}
	if multi {
		version, text = handshakeV2, strings.Join(h.addresses, "|")
	}
	b := binary.BigEndian.AppendUint64(nil, uint64(version))
	b = binary.BigEndian.AppendUint64(b, uint64(h.sid))
	return append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
}

// readHello reads a handshake. Errors that are no *net.OpError or end of the stream say what is wrong with it.
func readHello(r io.Reader) (hello, error) {
	var head [20]byte
	if _, err := io.ReadFull(r, head[:8]); err != nil {
		return hello{}, err
	}
	first := int64(binary.BigEndian.Uint64(head[:]))
	switch {
	case first >= 0: // an id: 3.4
		h := hello{sid: zab.Sid(first)}
		return h, checkSid(h.sid, head[:8])
	case first != handshakeV1 && first != handshakeV2:
		return hello{}, fmt.Errorf("it begins with %s, that is no known version of the handshake", looksLike(head[:8]))
	}
	if _, err := io.ReadFull(r, head[8:]); err != nil {
		return hello{}, err
	}
	h := hello{sid: zab.Sid(binary.BigEndian.Uint64(head[8:]))}
	if err := checkSid(h.sid, head[8:16]); err != nil {
		return hello{}, err
	}
	n := int32(binary.BigEndian.Uint32(head[16:]))
	if n <= 0 || n > maxHandshake {
		return hello{}, fmt.Errorf("handshake of server %d has an address of %d bytes, 1 to %d are possible", h.sid, n, maxHandshake)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return hello{}, err
	}
	var err error
	h.addresses, err = parseAddresses(h.sid, text)
	return h, err
}

func checkSid(sid zab.Sid, raw []byte) error {
	switch {
	case sid == anonymous:
		return fmt.Errorf("an observer without an id: give it a myid file and a server.N line")
	case sid < 0:
		return fmt.Errorf("negative server id %d", sid)
	case sid > math.MaxInt32: // the original promises ids up to 255
		return fmt.Errorf("it begins with %s, that is no server", looksLike(raw))
	}
	return nil
}

func parseAddresses(sid zab.Sid, text []byte) ([]string, error) {
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("address of server %d is not UTF-8 text: %q", sid, text)
	}
	parts := strings.Split(string(text), "|")
	if len(parts) > maxAddresses {
		return nil, fmt.Errorf("handshake of server %d has %d addresses, at most %d are taken", sid, len(parts), maxAddresses)
	}
	for i, a := range parts {
		host, port, err := splitAddress(a)
		if err != nil || port == 0 {
			return nil, fmt.Errorf("handshake of server %d has a bad address %q: want host:port", sid, a)
		}
		parts[i] = net.JoinHostPort(host, strconv.Itoa(port))
	}
	return parts, nil
}

// isWildcard tells whether a host stands for all addresses of a machine.
func isWildcard(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// looksLike describes bytes that should be something else.
func looksLike(b []byte) string {
	if len(b) > 2 && b[0] == 0x16 && b[1] == 3 {
		return fmt.Sprintf("0x%x (a TLS handshake? this port takes none: set portUnification=true here, or sslQuorum=false over there)", b)
	}
	for _, method := range []string{"GET ", "HEAD", "POST", "PUT ", "OPTI", "DELE", "CONN"} {
		if strings.HasPrefix(string(b), method) {
			return fmt.Sprintf("%q (an HTTP client?)", b)
		}
	}
	for _, c := range b {
		if c < ' ' || c > '~' {
			return fmt.Sprintf("0x%x", b)
		}
	}
	return fmt.Sprintf("%q", b)
}
