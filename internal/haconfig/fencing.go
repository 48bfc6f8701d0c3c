package haconfig

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/fencing"
)

// FencingConfig is what fencing.New needs: the methods, their deadlines, and the environment of their scripts. local is
// the id of the node on this machine; for haadmin that of the node to fence, whose own methods these are then.
func (c *Config) FencingConfig(ns Nameservice, local string) fencing.Config {
	out := fencing.Config{Deadline: c.Fencing.Deadline, Env: c.FencingEnv(ns, local), Secret: []string{
		EnvName("zookeeper.auth"), EnvName(tlsKeyPassword), EnvName(tlsTrustPassword),
	}}
	ssh := c.Fencing.SSH
	out.SSH = fencing.SSH{
		KeyFiles: ssh.KeyFiles, ConnectTimeout: ssh.ConnectTimeout, KnownHosts: ssh.KnownHosts, AnyHostKey: ssh.AnyHostKey, Agent: ssh.Agent,
	}
	for _, m := range c.methodsOf(ns.ID, local) {
		out.Methods = append(out.Methods, fencing.Spec{Method: m.Method, Timeout: m.Timeout})
	}
	return out
}

// FencingEnv is the configuration as the original passes it to a fencing script: its names, where this configuration
// has the same thing. fencing turns the dots into underscores. The original passes passwords too; this does not.
//
// With Hadoop's files it is all of them, and the keys of this node without their suffixes.
func (c *Config) FencingEnv(ns Nameservice, local string) map[string]string {
	if c.Hadoop != nil {
		return c.hadoopEnv(ns, local)
	}
	ms := func(d interface{ Milliseconds() int64 }) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	var nss, ids, methods []string
	for _, s := range c.Nameservices {
		nss = append(nss, s.ID)
	}
	env := map[string]string{}
	for _, n := range ns.Nodes {
		ids = append(ids, n.ID)
		id := n.Identity(ns.ID)
		env["dfs.namenode.rpc-address."+ns.ID+"."+n.ID] = id.Addr()
		env["dfs.ha.zkfc.port."+ns.ID+"."+n.ID] = strconv.Itoa(n.ZKFCPort)
	}
	for _, m := range c.Fencing.Methods {
		methods = append(methods, m.Method)
	}
	for k, v := range map[string]string{
		"dfs.nameservices":                                     strings.Join(nss, ","),
		"dfs.nameservice.id":                                   ns.ID,
		"dfs.ha.namenodes." + ns.ID:                            strings.Join(ids, ","),
		"dfs.ha.namenode.id":                                   local,
		"dfs.ha.automatic-failover.enabled":                    strconv.FormatBool(ns.AutomaticFailover),
		"dfs.ha.fencing.methods":                               strings.Join(methods, "\n"),
		"dfs.ha.fencing.ssh.private-key-files":                 strings.Join(c.Fencing.SSH.KeyFiles, ","),
		"dfs.ha.fencing.ssh.connect-timeout":                   ms(c.Fencing.SSH.ConnectTimeout),
		"ha.zookeeper.quorum":                                  strings.Join(c.Zookeeper.Quorum, ","),
		"ha.zookeeper.session-timeout.ms":                      ms(c.Zookeeper.SessionTimeout),
		"ha.zookeeper.parent-znode":                            c.Zookeeper.ParentZnode,
		"ha.health-monitor.check-interval.ms":                  ms(c.Health.Interval),
		"ha.health-monitor.rpc-timeout.ms":                     ms(c.Health.Deadline),
		"ha.failover-controller.graceful-fence.rpc-timeout.ms": ms(c.Failover.GracefulFenceDeadline),
		"ha.failover-controller.new-active.rpc-timeout.ms":     ms(c.Failover.NewActiveDeadline),
		"ha.failover-controller.cli-check.rpc-timeout.ms":      ms(c.Failover.RPCDeadline),
	} {
		if v != "" {
			env[k] = v
		}
	}
	return env
}

// sensitive are the words by which the original recognizes a secret (hadoop.security.sensitive-config-keys).
var sensitive = regexp.MustCompile(`(?i)secret|password|keystore\.pass|credential|access.?key|account\.key|encryption\.key|oauth.*token|^ha\.zookeeper\.auth|zookeeper\.auth$`)

func (c *Config) hadoopEnv(ns Nameservice, local string) map[string]string {
	env := map[string]string{}
	for _, name := range c.Hadoop.Names() {
		if v, err := c.Hadoop.Get(name); err == nil && !sensitive.MatchString(name) {
			env[name] = v
		}
	}
	for _, name := range []string{rpcAddressKey, serviceAddressKey, "dfs.ha.zkfc.port", automaticKey, fencingKey} {
		if v := c.Hadoop.Suffixed(name, ns.ID, local); v.Name != "" {
			env[name], _ = c.Hadoop.Expand(v.Raw)
		}
	}
	env["dfs.nameservice.id"] = ns.ID
	if local != "" {
		env["dfs.ha.namenode.id"] = local
	}
	return env
}
