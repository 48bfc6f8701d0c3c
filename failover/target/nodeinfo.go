package target

import (
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/holdfast-ha/holdfast/internal/hadooprpc/hapb"
)

// ErrBadNodeInfo is wrapped by the errors of ParseNodeInfo.
var ErrBadNodeInfo = errors.New("bad ActiveNodeInfo")

// MarshalNodeInfo is the data of the lock and breadcrumb znodes for a node: protobuf ActiveNodeInfo, the bytes that the
// original writes.
func MarshalNodeInfo(id Identity) ([]byte, error) {
	if err := checkIdentity(id); err != nil {
		return nil, fmt.Errorf("node info of %s: %w", id, err)
	}
	port, zkfcPort := int32(id.Port), int32(id.ZKFCPort)
	return proto.MarshalOptions{Deterministic: true}.Marshal(&hapb.ActiveNodeInfo{
		NameserviceId: &id.NameserviceID,
		NamenodeId:    &id.ServiceID,
		Hostname:      &id.Host,
		Port:          &port,
		ZkfcPort:      &zkfcPort,
	})
}

// ParseNodeInfo reads the data of a lock or breadcrumb znode. The error says what is wrong and shows the bytes.
func ParseNodeInfo(data []byte) (Identity, error) {
	bad := func(err error) (Identity, error) {
		shown, more := data, ""
		if len(shown) > 64 {
			shown, more = shown[:64], "…"
		}
		return Identity{}, fmt.Errorf("%w (%d bytes, %s%s): %w", ErrBadNodeInfo, len(data), hex.EncodeToString(shown), more, err)
	}
	if len(data) == 0 {
		return bad(errors.New("the znode is empty"))
	}
	var m hapb.ActiveNodeInfo
	if err := proto.Unmarshal(data, &m); err != nil {
		return bad(err)
	}
	id := Identity{
		NameserviceID: m.GetNameserviceId(), ServiceID: m.GetNamenodeId(),
		Host: m.GetHostname(), Port: int(m.GetPort()), ZKFCPort: int(m.GetZkfcPort()),
	}
	if err := checkIdentity(id); err != nil {
		return bad(err)
	}
	return id, nil
}

func checkIdentity(id Identity) error {
	for _, f := range []struct{ name, value string }{
		{"nameserviceId", id.NameserviceID}, {"namenodeId", id.ServiceID}, {"hostname", id.Host},
	} {
		if f.value == "" {
			return fmt.Errorf("%s is empty", f.name)
		}
		if !utf8.ValidString(f.value) {
			return fmt.Errorf("%s is not text: %q", f.name, f.value)
		}
	}
	for _, f := range []struct {
		name  string
		value int
	}{{"port", id.Port}, {"zkfcPort", id.ZKFCPort}} {
		if f.value < 1 || f.value > 65535 {
			return fmt.Errorf("%s %d is not a port", f.name, f.value)
		}
	}
	return nil
}
