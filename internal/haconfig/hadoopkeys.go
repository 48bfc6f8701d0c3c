package haconfig

import "strings"

// Use is what happens to a key of Hadoop's.
type Use string

// The uses.
const (
	Honoured    Use = "honoured"
	Refused     Use = "refused"     // set to anything but its default it is an error
	Meaningless Use = "meaningless" // it has no effect here
)

// HadoopKey is a key of Hadoop 3.4.3 and what becomes of it.
type HadoopKey struct {
	Name string // with .NS and .NN where it takes suffixes
	Use  Use
	Why  string // what it sets, or why it is refused or without effect
}

// HadoopKeys are all keys ha.* and dfs.ha.* of core-default.xml and hdfs-default.xml, and what else zkfc and haadmin of the
// original read.
func HadoopKeys() []HadoopKey {
	return []HadoopKey{
		{"ha.zookeeper.quorum", Honoured, "the ZooKeeper servers; a path after them is the root of all znodes; .NS and .NS.NN"},
		{"ha.zookeeper.session-timeout.ms", Honoured, "zookeeper.sessionTimeout; .NS and .NS.NN"},
		{"ha.zookeeper.parent-znode", Honoured, "zookeeper.parentZnode; .NS and .NS.NN"},
		{"ha.zookeeper.acl", Honoured, "zookeeper.acl, also @file; .NS and .NS.NN"},
		{"ha.zookeeper.auth", Honoured, "zookeeper.auth, also @file; .NS and .NS.NN"},
		{"ha.health-monitor.check-interval.ms", Honoured, "health.interval: the pause between two checks; a quarter of health.deadline where that is shorter"},
		{"ha.health-monitor.rpc-timeout.ms", Honoured, "health.deadline: the longest silence, counted from the last answer"},
		{"ha.health-monitor.connect-retry-interval.ms", Honoured, "health.retry, if a file sets it; else 100 ms: a restarted NameNode is seen at once"},
		{
			"ha.health-monitor.sleep-after-disconnect.ms", Meaningless,
			"nothing sleeps: after a closed connection the NameNode is asked again at once",
		},
		{
			"ha.health-monitor.rpc.connect.max.retries", Meaningless,
			"a refused connection is believed at once, and tried again at health.retry",
		},
		{"ha.failover-controller.new-active.rpc-timeout.ms", Honoured, "failover.newActiveDeadline"},
		{
			"ha.failover-controller.graceful-fence.rpc-timeout.ms", Honoured,
			"failover.gracefulFenceDeadline, for an old active that shows a sign of life within holdfast.failover.probeDeadline",
		},
		{
			"ha.failover-controller.graceful-fence.connection.retries", Meaningless,
			"a refused connection is believed at once: a dead NameNode is not waited for",
		},
		{
			"ha.failover-controller.active-standby-elector.zk.op.retries", Meaningless,
			"an operation is repeated until its session is over; zkfc does not exit over it",
		},
		{"ha.failover-controller.cli-check.rpc-timeout.ms", Honoured, "failover.rpcDeadline"},
		{"dfs.ha.fencing.methods", Honoured, "fencing.methods; .NS and .NS.NN"},
		{"dfs.ha.fencing.ssh.connect-timeout", Honoured, "fencing.ssh.connectTimeout"},
		{"dfs.ha.fencing.ssh.private-key-files", Honoured, "fencing.ssh.keyFiles"},
		{"dfs.ha.namenodes.NS", Honoured, "the NameNodes of a nameservice; with fewer than two it has no HA and is left out"},
		{"dfs.ha.namenode.id", Honoured, "node; else the only NameNode with an address of this machine"},
		{"dfs.ha.automatic-failover.enabled", Honoured, "automaticFailover; .NS"},
		{"dfs.ha.zkfc.port", Honoured, "zkfcPort; .NS and .NS.NN"},
		{
			"dfs.ha.zkfc.nn.http.timeout.ms", Honoured,
			"for the thread dump of a NameNode that is not healthy, taken beside the failover; 0 takes none",
		},
		{"dfs.http.policy", Honoured, "HTTPS_ONLY: no thread dump is taken"},
		{"dfs.namenode.http-address", Honoured, "where that thread dump is asked for; .NS.NN"},
		{tlsOldKey, Honoured, "zookeeper.tls.enabled: TLS towards ZooKeeper"},
		{tlsKey, Honoured, "the same; it is read before " + tlsOldKey},
		{"hadoop.zk.ssl.keystore.location", Honoured, "zookeeper.tls.keyStore, as long as TLS is enabled by one of the two; each of the four must be set then"},
		{"hadoop.zk.ssl.keystore.password", Honoured, "zookeeper.tls.keyStorePassword"},
		{"hadoop.zk.ssl.truststore.location", Honoured, "zookeeper.tls.trustStore"},
		{"hadoop.zk.ssl.truststore.password", Honoured, "zookeeper.tls.trustStorePassword"},
		{"dfs.ha.nn.not-become-active-in-safemode", Meaningless, whyNameNode + ": it then refuses to become active, and zkfc takes the refusal"},
		{"dfs.ha.log-roll.period", Meaningless, whyNameNode},
		{"dfs.ha.log-roll.rpc.timeout", Meaningless, whyNameNode},
		{"dfs.ha.tail-edits.period", Meaningless, whyNameNode},
		{"dfs.ha.tail-edits.period.backoff-max", Meaningless, whyNameNode},
		{"dfs.ha.tail-edits.namenode-retries", Meaningless, whyNameNode},
		{"dfs.ha.tail-edits.rolledits.timeout", Meaningless, whyNameNode},
		{"dfs.ha.tail-edits.in-progress", Meaningless, whyNameNode},
		{"dfs.ha.standby.checkpoints", Meaningless, whyNameNode},
		{"dfs.ha.allow.stale.reads", Meaningless, whyNameNode},
		{"dfs.nameservices", Honoured, "nameservices"},
		{"dfs.nameservice.id", Honoured, "nameservice: which one this machine's zkfc is for; haadmin has -ns"},
		{"dfs.internal.nameservices", Meaningless, "read by DataNodes and the router of a federation, not by zkfc and haadmin"},
		{"dfs.namenode.rpc-address", Honoured, "host and rpcPort; .NS.NN"},
		{"dfs.namenode.servicerpc-address", Honoured, "host and rpcPort, before dfs.namenode.rpc-address; .NS.NN"},
		{"dfs.namenode.lifeline.rpc-address", Honoured, "healthAddress; .NS.NN"},
		{"dfs.namenode.rpc-bind-host", Honoured, "bindHost: where zkfc listens; .NS and .NS.NN"},
		{"dfs.namenode.servicerpc-bind-host", Honoured, "bindHost, before dfs.namenode.rpc-bind-host; .NS and .NS.NN"},
		{"dfs.cluster.administrators", Honoured, "controller.admins and controller.adminGroups: users, a blank, groups of this machine; * is everybody"},
		{"hadoop.security.authentication", Refused, "kerberos comes with the security release; simple is what there is"},
		{"hadoop.rpc.protection", Meaningless, "without Kerberos there is nothing to protect the calls with, as in the original"},
		{"dfs.namenode.kerberos.principal", Meaningless, "for Kerberos only"},
		{"dfs.namenode.keytab.file", Meaningless, "for Kerberos only"},
		{"hadoop.security.authorization", Honoured, "true: who may call zkfc at all is in hadoop-policy.xml; of these, its own user and controller.admins are let in"},
		{"security.zkfc.protocol.acl", Honoured, "of hadoop-policy.xml, with hadoop.security.authorization: users, a blank, groups of this machine; * is everybody"},
		{"security.zkfc.protocol.acl.blocked", Honoured, "the same: those who may not"},
		{"security.zkfc.protocol.hosts", Honoured, "the same: addresses, networks and names of machines; * is all"},
		{"security.zkfc.protocol.hosts.blocked", Honoured, "the same: those that may not"},
		{"security.service.authorization.default.acl", Honoured, "for each of these four that is not set, .default in place of .zkfc.protocol"},
		{
			"hadoop.security.credential.provider.path", Honoured,
			"asked for ha.zookeeper.auth: jceks and localjceks of the local file system; those in HDFS are passed over, others are refused",
		},
		{"hadoop.security.credential.clear-text-fallback", Honoured, "false: ha.zookeeper.auth comes from a provider or not at all"},
		{"hadoop.security.credstore.java-keystore-provider.password-file", Honoured, "the password of the stores, unless HADOOP_CREDSTORE_PASSWORD is set"},
		{"yarn.resourcemanager.ha.enabled", Honoured, "yarn-site.xml: haadmin -ns CLUSTER-ID reads the states of its ResourceManagers"},
		{"yarn.resourcemanager.cluster-id", Honoured, "the name for -ns"},
		{"yarn.resourcemanager.ha.rm-ids", Honoured, "the ResourceManagers"},
		{"yarn.resourcemanager.admin.address", Honoured, "where they are asked; .RM"},
		{"yarn.resourcemanager.hostname", Honoured, "where they are asked, at port 8033; .RM"},
		{"ipc.client.connect.max.retries", Meaningless, "no connection is tried again by haadmin"},
		{"ipc.client.connect.timeout", Meaningless, "the deadline of a call covers the connecting"},
	}
}

const adminsKey = "dfs.cluster.administrators"

// whyNameNode is said of keys that stand in the same files for others to read.
const whyNameNode = "read by the NameNode, not by zkfc and haadmin"

// Note is what in the files has no effect on zkfc and haadmin, but looks as if it had.
func (c *Config) Note() []string {
	if c.Hadoop == nil {
		return nil
	}
	var out []string
	for _, n := range c.Hadoop.Notes() {
		out = append(out, n.String())
	}
	for _, k := range HadoopKeys() {
		if v, ok := c.Hadoop.Lookup(k.Name); ok && !v.Default && k.Use == Meaningless && !strings.HasPrefix(k.Why, whyNameNode) {
			out = append(out, v.From.String()+": "+k.Name+": no effect: "+k.Why)
		}
	}
	return out
}
