package hadoopconf

const (
	coreDefault = "core-default.xml"
	hdfsDefault = "hdfs-default.xml"
)

// defaults are those of Hadoop 3.4.3 for the keys that are used or shown here. Keys whose default is empty are not set.
var defaults = []struct{ name, value, file string }{
	{"fs.defaultFS", "file:///", coreDefault},
	{"ha.failover-controller.active-standby-elector.zk.op.retries", "3", coreDefault},
	{"ha.failover-controller.cli-check.rpc-timeout.ms", "20000", coreDefault},
	{"ha.failover-controller.graceful-fence.connection.retries", "1", coreDefault},
	{"ha.failover-controller.graceful-fence.rpc-timeout.ms", "5000", coreDefault},
	{"ha.failover-controller.new-active.rpc-timeout.ms", "60000", coreDefault},
	{"ha.health-monitor.check-interval.ms", "1000", coreDefault},
	{"ha.health-monitor.connect-retry-interval.ms", "1000", coreDefault},
	{"ha.health-monitor.rpc-timeout.ms", "45000", coreDefault},
	{"ha.health-monitor.rpc.connect.max.retries", "1", coreDefault},
	{"ha.health-monitor.sleep-after-disconnect.ms", "1000", coreDefault},
	{"ha.zookeeper.acl", "world:anyone:rwcda", coreDefault},
	{"ha.zookeeper.parent-znode", "/hadoop-ha", coreDefault},
	{"ha.zookeeper.session-timeout.ms", "10000", coreDefault},
	{"hadoop.rpc.protection", "authentication", coreDefault},
	{"hadoop.security.authentication", "simple", coreDefault},
	{"hadoop.security.authorization", "false", coreDefault},
	{"hadoop.security.credential.clear-text-fallback", "true", coreDefault},
	{"hadoop.tmp.dir", "/tmp/hadoop-${user.name}", coreDefault},
	{"ipc.client.connect.max.retries", "10", coreDefault},
	{"ipc.client.connect.timeout", "20000", coreDefault},
	{"dfs.ha.fencing.ssh.connect-timeout", "30000", coreDefault},

	{"dfs.ha.allow.stale.reads", "false", hdfsDefault},
	{"dfs.ha.automatic-failover.enabled", "false", hdfsDefault},
	{"dfs.ha.log-roll.period", "120", hdfsDefault},
	{"dfs.ha.nn.not-become-active-in-safemode", "false", hdfsDefault},
	{"dfs.ha.standby.checkpoints", "true", hdfsDefault},
	{"dfs.ha.tail-edits.in-progress", "false", hdfsDefault},
	{"dfs.ha.tail-edits.namenode-retries", "3", hdfsDefault},
	{"dfs.ha.tail-edits.period", "60", hdfsDefault},
	{"dfs.ha.tail-edits.period.backoff-max", "0", hdfsDefault},
	{"dfs.ha.tail-edits.rolledits.timeout", "60", hdfsDefault},
	{"dfs.ha.zkfc.client.ssl.enabled", "false", hdfsDefault},
	{"dfs.ha.zkfc.nn.http.timeout.ms", "20000", hdfsDefault},
	{"dfs.ha.zkfc.port", "8019", hdfsDefault},
	{"dfs.http.policy", "HTTP_ONLY", hdfsDefault},
	{"dfs.namenode.http-address", "0.0.0.0:9870", hdfsDefault},
	{"dfs.namenode.https-address", "0.0.0.0:9871", hdfsDefault},
}
