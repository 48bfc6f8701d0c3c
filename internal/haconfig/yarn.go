package haconfig

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-ha/holdfast/internal/hadoopconf"
)

// yarnSite is the file that ResourceManagers reads besides core-site.xml and hdfs-site.xml.
const yarnSite = "yarn-site.xml"

// adminPort is the default port of the protocol of yarn rmadmin, which is HAServiceProtocol.
const adminPort = 8033

// ResourceManagers are YARN's, read from the yarn-site.xml beside Hadoop's other files, as a nameservice named by
// yarn.resourcemanager.cluster-id. ok is false when there is no such file or no HA in it. They elect by themselves: only
// their states are of interest here.
func (c *Config) ResourceManagers() (ns Nameservice, ok bool, err error) {
	if c.Hadoop == nil || c.Hadoop.Dir() == "" {
		return ns, false, nil
	}
	file := filepath.Join(c.Hadoop.Dir(), yarnSite)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return ns, false, nil
	}
	conf, wrong := hadoopconf.Load(hadoopconf.Options{Dir: c.Hadoop.Dir(), Files: []string{file}})
	b := &bridge{reader: &reader{origins: origins{}}, conf: conf, names: hostName}
	for _, w := range wrong {
		b.problems = append(b.problems, Problem{Where: w.From.String(), Key: w.Key, Text: w.Text, Remedy: w.Remedy})
	}
	v, _ := conf.Lookup("yarn.resourcemanager.ha.enabled")
	if len(b.problems) == 0 && b.boolean(v, false) {
		ns, ok = Nameservice{ID: b.get("yarn.resourcemanager.cluster-id"), Nodes: b.managers()}, true
	}
	if len(b.problems) > 0 {
		return ns, false, b.problems
	}
	return ns, ok, nil
}

func (b *bridge) managers() []Node {
	const idsKey = "yarn.resourcemanager.ha.rm-ids"
	var out []Node
	for _, id := range b.list(idsKey) {
		n := Node{ID: id}
		for _, key := range []string{"yarn.resourcemanager.admin.address.", "yarn.resourcemanager.hostname."} {
			v, set := b.conf.Lookup(key + id)
			if !set {
				continue
			}
			if host, port, ok := b.address(v, adminPort); ok {
				n.Host, n.RPCPort = b.names(host), port
				if n.Host != host {
					n.ip = host
				}
				out = append(out, n)
			}
			break
		}
		if n.Host == "" && len(b.problems) == 0 {
			v, _ := b.conf.Lookup(idsKey)
			b.complain(v, "names "+id+", which has no address", "set yarn.resourcemanager.hostname."+id+" or yarn.resourcemanager.admin.address."+id)
		}
	}
	return out
}
