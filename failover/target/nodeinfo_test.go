package target

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

// recordedInfo is what Hadoop 3.4.3's ZKFC wrote to the lock and the breadcrumb for nn1.
const recordedInfo = "0a036e733112036e6e311a096c6f63616c686f737420b0c70128bbc301"

var recordedIdentity = Identity{NameserviceID: "ns1", ServiceID: "nn1", Host: "localhost", Port: 25520, ZKFCPort: 25019}

func TestNodeInfoHasTheRecordedBytes(t *testing.T) {
	b, err := MarshalNodeInfo(recordedIdentity)
	require.NoError(t, err)
	require.Equal(t, recordedInfo, hex.EncodeToString(b))
	id, err := ParseNodeInfo(b)
	require.NoError(t, err)
	require.Equal(t, recordedIdentity, id)
}

func TestBadNodeInfoIsRefusedWithItsReason(t *testing.T) {
	for name, tt := range map[string]struct{ data, want string }{
		"empty":       {"", "the znode is empty"},
		"text":        {hex.EncodeToString([]byte("hello")), "68656c6c6f"},
		"no port":     {"0a036e733112036e6e311a096c6f63616c686f7374", "port"},
		"port 0":      {"0a036e733112036e6e311a096c6f63616c686f7374200028bbc301", "port 0 is not a port"},
		"zkfc port":   {"0a036e733112036e6e311a096c6f63616c686f737420b0c70128ffff7f", "zkfcPort 2097151 is not a port"},
		"no hostname": {"0a036e733112036e6e311a0020b0c70128bbc301", "hostname is empty"},
		"not text":    {"0a036e733112036e6e311a01ff20b0c70128bbc301", "hostname is not text"},
		"cut":         {recordedInfo[:20], "0a036e733112036e6e31"},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := hex.DecodeString(tt.data)
			require.NoError(t, err)
			_, err = ParseNodeInfo(b)
			require.ErrorIs(t, err, ErrBadNodeInfo)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestImpossibleIdentityIsNotWritten(t *testing.T) {
	for _, change := range []func(*Identity){
		func(i *Identity) { i.NameserviceID = "" },
		func(i *Identity) { i.ServiceID = "" },
		func(i *Identity) { i.Host = "" },
		func(i *Identity) { i.Port = 0 },
		func(i *Identity) { i.ZKFCPort = 70000 },
	} {
		id := recordedIdentity
		change(&id)
		_, err := MarshalNodeInfo(id)
		require.Error(t, err)
	}
}

func FuzzParseNodeInfo(f *testing.F) {
	b, err := hex.DecodeString(recordedInfo)
	require.NoError(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		id, err := ParseNodeInfo(b)
		if err != nil {
			require.ErrorIs(t, err, ErrBadNodeInfo)
			return
		}
		again, err := MarshalNodeInfo(id)
		require.NoError(t, err)
		back, err := ParseNodeInfo(again)
		require.NoError(t, err)
		require.Equal(t, id, back)
	})
}
