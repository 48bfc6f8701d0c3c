//go:build hadoop && unix

package hadoop

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// site is the text of a configuration file of Hadoop's. include, if not empty, is a file whose properties come first.
func site(include string, props map[string]string) []byte {
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\"?>\n<configuration xmlns:xi=\"http://www.w3.org/2001/XInclude\">\n")
	if include != "" {
		fmt.Fprintf(&b, "  <xi:include href=%q/>\n", include)
	}
	for _, k := range slices.Sorted(maps.Keys(props)) {
		fmt.Fprintf(&b, "  <property><name>%s</name><value>", k)
		_ = xml.EscapeText(&b, []byte(props[k]))
		b.WriteString("</value></property>\n")
	}
	b.WriteString("</configuration>\n")
	return []byte(b.String())
}

const log4j = `log4j.rootLogger=INFO,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c: %m%n
`

// The ports, by their distance from the first one.
const (
	portRPC     = 0  // of nn1, nn2
	portHTTP    = 2  // of nn1, nn2
	portZKFC    = 4  // of nn1, nn2
	portZK      = 6  // ZooKeeper
	portDN      = 7  // data, HTTP, IPC
	portJournal = 10 // RPC and HTTP of each JournalNode
	portThird   = 16 // RPC, HTTP and zkfc of nn3
	ports       = 20
)

// freePorts finds so many neighbouring ports that nobody listens on, below those that the system gives to clients.
func freePorts() (int, error) {
	for base := 21000 + os.Getpid()%64*ports; base < 32000; base += ports {
		free := true
		for i := range ports {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+i))
			if err != nil {
				free = false
				break
			}
			l.Close()
		}
		if free {
			return base, nil
		}
	}
	return 0, fmt.Errorf("no %d neighbouring free ports between 21000 and 32000", ports)
}

// port is one of the three ports of node i.
func (h *hdfs) port(kind, i int) int {
	if i == 2 {
		return h.base + portThird + kind/2
	}
	return h.base + kind + i
}

func (h *hdfs) rpc(i int) string  { return fmt.Sprintf("127.0.0.1:%d", h.port(portRPC, i)) }
func (h *hdfs) http(i int) string { return fmt.Sprintf("127.0.0.1:%d", h.port(portHTTP, i)) }

// conf is the configuration directory of a role.
func (h *hdfs) conf(role string) string { return filepath.Join(h.dir, "conf", role) }

// configure writes all configuration directories anew. NameNode and zkfc of a node share one, as on a machine of their own.
// Running processes do not notice; the keys that tests change (ZooKeeper, times of zkfc) matter to zkfc and haadmin alone.
func (h *hdfs) configure(extra map[string]string) error {
	core := map[string]string{
		"fs.defaultFS": "hdfs://ns1", "ha.zookeeper.quorum": "${lab.host}:${lab.zk}", "hadoop.tmp.dir": "${lab.dir}/tmp",
		"lab.host": "127.0.0.1", "lab.zk": fmt.Sprint(h.base + portZK), "lab.dir": h.dir,
	}
	var journals []string
	for i := range h.jn {
		journals = append(journals, fmt.Sprintf("${lab.host}:%d", h.base+portJournal+2*i))
	}
	shared := map[string]string{
		"dfs.nameservices": "ns1", "dfs.ha.namenodes.ns1": "nn1,nn2",
		"dfs.client.failover.proxy.provider.ns1": "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider",
		"dfs.ha.automatic-failover.enabled":      "true",
		"dfs.ha.fencing.methods":                 "shell(" + filepath.Join(h.dir, "fence.sh") + ")",
		"dfs.namenode.shared.edits.dir":          "qjournal://" + strings.Join(journals, ";") + "/ns1",
		"dfs.replication":                        "1",
		// a NameNode that starts serves as soon as the DataNode has reported, and nothing happens on its own meanwhile
		"dfs.namenode.safemode.extension": "0", "dfs.heartbeat.interval": "1", "dfs.ha.standby.checkpoints": "false",
		"dfs.namenode.datanode.registration.ip-hostname-check": "false",
	}
	for i := range 3 { // the third only matters where extra says that there are three
		s := fmt.Sprintf(".ns1.nn%d", i+1)
		shared["dfs.namenode.rpc-address"+s] = fmt.Sprintf("${lab.host}:%d", h.port(portRPC, i))
		shared["dfs.namenode.http-address"+s] = fmt.Sprintf("${lab.host}:%d", h.port(portHTTP, i))
		shared["dfs.ha.zkfc.port"+s] = fmt.Sprint(h.port(portZKFC, i))
		shared["dfs.namenode.name.dir"+s] = fmt.Sprintf("file://${lab.dir}/nn%d", i+1)
	}
	for k, v := range extra {
		if strings.HasPrefix(k, "dfs.") {
			shared[k] = v
		} else {
			core[k] = v
		}
	}
	roles := map[string]map[string]string{
		"client": {}, "nn1": {"dfs.ha.namenode.id": "nn1"}, "nn2": {"dfs.ha.namenode.id": "nn2"}, "nn3": {"dfs.ha.namenode.id": "nn3"},
		"dn": { // its HDFS client, which writes what comes over WebHDFS, does not wait long for a NameNode that is gone
			"dfs.datanode.data.dir": "file://${lab.dir}/dn", "dfs.datanode.address": fmt.Sprintf("${lab.host}:%d", h.base+portDN),
			"dfs.datanode.http.address": fmt.Sprintf("${lab.host}:%d", h.base+portDN+1), "dfs.datanode.hostname": "localhost",
			"dfs.datanode.ipc.address":              fmt.Sprintf("${lab.host}:%d", h.base+portDN+2),
			"dfs.client.failover.sleep.base.millis": "50", "dfs.client.failover.sleep.max.millis": "500", "ipc.client.rpc-timeout.ms": "3000",
			"dfs.client.block.write.locateFollowingBlock.retries": "8",
		},
	}
	for i := range h.jn {
		roles[fmt.Sprintf("jn%d", i+1)] = map[string]string{
			"dfs.journalnode.rpc-address":  fmt.Sprintf("${lab.host}:%d", h.base+portJournal+2*i),
			"dfs.journalnode.http-address": fmt.Sprintf("${lab.host}:%d", h.base+portJournal+2*i+1),
			"dfs.journalnode.edits.dir":    fmt.Sprintf("%s/jn%d", h.dir, i+1),
		}
	}
	write := func(role, file string, text []byte) error {
		if err := os.MkdirAll(h.conf(role), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(h.conf(role), file), text, 0o644)
	}
	if err := write("shared", "core-all.xml", site("", core)); err != nil {
		return err
	}
	if err := write("shared", "hdfs-all.xml", site("", shared)); err != nil {
		return err
	}
	for role, props := range roles {
		for file, text := range map[string][]byte{
			"core-site.xml": site(filepath.Join(h.conf("shared"), "core-all.xml"), nil), "hdfs-site.xml": site(filepath.Join(h.conf("shared"), "hdfs-all.xml"), props), "log4j.properties": []byte(log4j),
		} {
			if err := write(role, file, text); err != nil {
				return err
			}
		}
	}
	return nil
}
