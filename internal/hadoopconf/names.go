package hadoopconf

import "strings"

// newNames are the old names of keys that are used here (DeprecatedProperties.md of the original).
var newNames = map[string]string{
	"fs.default.name":               "fs.defaultFS",
	"dfs.federation.nameservices":   "dfs.nameservices",
	"dfs.federation.nameservice.id": "dfs.nameservice.id",
	"dfs.http.address":              "dfs.namenode.http-address",
	"dfs.https.address":             "dfs.namenode.https-address",
}

// Suffixed is the most special of key.ns.node, key.ns and key that is set (DFSUtil.setGenericConf); the empty Value when
// none is. An empty ns or node leaves its form out.
func (c *Conf) Suffixed(key, ns, node string) Value {
	for _, k := range []string{join(key, ns, node), join(key, ns, "")} {
		if v, ok := c.Lookup(k); ok && k != key && strings.TrimSpace(v.Raw) != "" {
			return v
		}
	}
	v, _ := c.Lookup(key)
	return v
}

func join(key, ns, node string) string {
	if ns == "" {
		return key
	}
	if node == "" {
		return key + "." + ns
	}
	return key + "." + ns + "." + node
}
