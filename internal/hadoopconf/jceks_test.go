package hadoopconf

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func store(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return b
}

func TestSecretsOfTheOriginalsStores(t *testing.T) {
	for _, c := range []struct{ file, password, alias, want string }{
		{"none.jceks", "none", "ha.zookeeper.auth", "digest:hdfs:s3cret"},
		{"none.jceks", "none", "other.ALIAS", "value-two"},
		{"changeit.jceks", "changeit", "ha.zookeeper.auth", "digest:u:p"},
	} {
		got, found, err := Secret(store(t, c.file), c.password, c.alias)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, c.want, got)
	}
	_, found, err := Secret(store(t, "none.jceks"), "none", "nothing")
	require.NoError(t, err)
	require.False(t, found)
	_, _, err = Secret(store(t, "changeit.jceks"), "none", "ha.zookeeper.auth")
	require.ErrorIs(t, err, ErrPassword)
}

func TestDamagedStores(t *testing.T) {
	good := store(t, "none.jceks")
	for i := range good { // any byte, and any length
		bad := append([]byte{}, good...)
		bad[i] ^= 1
		_, _, err := Secret(bad, "none", "ha.zookeeper.auth")
		require.Error(t, err, i)
		_, _, err = Secret(good[:i], "none", "ha.zookeeper.auth")
		require.Error(t, err, i)
	}
}

// Equal halves of a salt: the vector is that of the JDK's rule.
func TestSaltWithEqualHalves(t *testing.T) {
	_, one, err := pbeKey("none", []byte{1, 2, 3, 4, 1, 2, 3, 4}, 1)
	require.NoError(t, err)
	_, two, err := pbeKey("none", []byte{1, 2, 3, 5, 1, 2, 3, 4}, 1)
	require.NoError(t, err)
	require.Equal(t, one, two, "the vector comes from the second half")
}

func FuzzSecret(f *testing.F) {
	for _, name := range []string{"none.jceks", "changeit.jceks"} {
		b := store(f, name)
		f.Add(b[:len(b)-20])
	}
	f.Fuzz(func(_ *testing.T, body []byte) {
		_, _, _ = Secret(append(body, jceksDigest("none", body)...), "none", "ha.zookeeper.auth")
		(&cursor{data: body}).object()
	})
}
