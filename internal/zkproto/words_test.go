package zkproto_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func TestZxidIsEpochAndCounter(t *testing.T) {
	z := zkproto.MakeZxid(0xfffffffe, 7)
	require.EqualValues(t, 0xfffffffe, z.Epoch())
	require.EqualValues(t, 7, z.Counter())
	require.Equal(t, "0xfffffffe00000007", z.String())
	require.Equal(t, "0x0", zkproto.Zxid(0).String())
	require.Equal(t, "0xffffffffffffffff", zkproto.SessionID(-1).String())
}

func TestNamesAreTheOriginals(t *testing.T) {
	require.Equal(t, "getChildren2", zkproto.OpGetChildren2.String())
	require.Equal(t, "unknown 77", zkproto.OpCode(77).String())
	require.Equal(t, "NodeChildrenChanged", zkproto.EventNodeChildrenChanged.String())
	require.Equal(t, "unknown event 99", zkproto.EventType(99).String())
	require.Equal(t, "no node", zkproto.ErrNoNode.Error())
	require.Equal(t, "error code -99", zkproto.Error(-99).Error())
}

func TestWhichOperationsTakeAZxid(t *testing.T) {
	for op := zkproto.OpCode(-20); op < 120; op++ {
		want := false
		switch op {
		case zkproto.OpCreate, zkproto.OpCreate2, zkproto.OpCreateContainer, zkproto.OpCreateTTL, zkproto.OpDelete,
			zkproto.OpDeleteContainer, zkproto.OpSetData, zkproto.OpSetACL, zkproto.OpCheck, zkproto.OpMulti,
			zkproto.OpReconfig, zkproto.OpCreateSession, zkproto.OpCloseSession:
			want = true
		}
		require.Equal(t, want, op.IsWrite(), op)
	}
}

func TestCreateModes(t *testing.T) {
	type is struct{ ephemeral, sequential, container, ttl bool }
	for mode, want := range map[zkproto.CreateMode]is{
		zkproto.ModePersistent:                  {},
		zkproto.ModeEphemeral:                   {ephemeral: true},
		zkproto.ModePersistentSequential:        {sequential: true},
		zkproto.ModeEphemeralSequential:         {ephemeral: true, sequential: true},
		zkproto.ModeContainer:                   {container: true},
		zkproto.ModePersistentWithTTL:           {ttl: true},
		zkproto.ModePersistentSequentialWithTTL: {sequential: true, ttl: true},
	} {
		require.True(t, mode.Valid())
		require.Equal(t, want, is{mode.Ephemeral(), mode.Sequential(), mode.Container(), mode.TTL()}, mode)
	}
	require.False(t, zkproto.CreateMode(-1).Valid())
	require.False(t, zkproto.CreateMode(7).Valid())
}
