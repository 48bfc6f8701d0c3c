package zkserver

import (
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// The numbers are those that an original gives for the same operations (bytes of path, data, names and Stat).
func TestReadsAndWritesByNamespace(t *testing.T) {
	r := start(t, func(c *config.Config) { c.EnforceQuota = true; c.Commands = []string{"mntr"} })
	c := r.connect()
	acl := zk.WorldACL(zk.PermAll)
	for _, path := range []string{"/a", "/a/b", "/zookeeper/quota/a"} {
		_, err := c.Create(path, []byte("1234"), 0, acl)
		require.NoError(t, err)
	}
	_, err := c.Set("/a/b", []byte("12345678"), -1)
	require.NoError(t, err)
	require.NoError(t, c.Delete("/a/b", -1))
	_, _, err = c.Get("/a")
	require.NoError(t, err)
	_, _, err = c.Exists("/a")
	require.NoError(t, err)
	_, _, err = c.Exists("/a/none")
	require.NoError(t, err)
	_, _, err = c.Children("/zookeeper")
	require.NoError(t, err)
	_, _, err = c.Children("/")
	require.NoError(t, err)
	for path, limits := range map[string]string{"/zookeeper/quota/a/zookeeper_limits": "count=-1,bytes=-1=;byteHardLimit=5;countHardLimit=-1", "/zookeeper/quota/a/zookeeper_stats": "count=1,bytes=4"} {
		_, err = c.Create(path, []byte(limits), 0, acl)
		require.NoError(t, err)
	}
	_, err = c.Set("/a", []byte("123456"), -1)
	require.ErrorContains(t, err, "-125")

	text := r.word("mntr")
	for _, line := range []string{
		// /a: 2+4, /a/b: 4+4, set 4+8, delete 4
		"zk_cnt_a_write_per_namespace\t4", "zk_sum_a_write_per_namespace\t30", "zk_min_a_write_per_namespace\t4", "zk_max_a_write_per_namespace\t12",
		"zk_cnt_a_read_per_namespace\t2", "zk_min_a_read_per_namespace\t70", "zk_max_a_read_per_namespace\t74",
		"zk_sum_zookeeper_read_per_namespace\t89", // 10+68, and config and quota
		"zk_a_quota_exceeded_error_per_namespace\t1", "zk_a_quota_bytes_limit_per_namespace\t5", "zk_a_quota_count_usage_per_namespace\t1",
	} {
		require.Contains(t, text, line+"\n")
	}
	require.NotContains(t, text, "zk_cnt__")
	r.ResetStats()
	require.NotContains(t, r.word("mntr"), "zk_cnt_a_read")
}
