package haconfig

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// checker collects problems and knows where each key was set.
type checker struct {
	cfg *Config
	out Problems
}

func (k *checker) add(key, text, remedy string) {
	where := k.cfg.origins.of(key)
	if k.cfg.Hadoop != nil {
		key = OwnPrefix + key
	}
	k.out = append(k.out, Problem{Where: where, Key: key, Text: text, Remedy: remedy})
}

// Validate returns everything that is wrong with the values; empty when nothing is.
func (c *Config) Validate() Problems {
	k := &checker{cfg: c}
	k.zookeeper(c.Zookeeper)
	k.nameservices(c.Nameservices)
	k.local()
	k.common()
	return k.out
}

// common checks what is checked alike whatever was read.
func (k *checker) common() {
	c := k.cfg
	for _, d := range []struct {
		key string
		d   time.Duration
		def string
	}{
		{"zookeeper.sessionTimeout", c.Zookeeper.SessionTimeout, "2s"},
		{"health.interval", c.Health.Interval, "250ms"},
		{"health.deadline", c.Health.Deadline, "1s"},
		{"health.retry", c.Health.Retry, "100ms"},
		{"failover.gracefulFenceDeadline", c.Failover.GracefulFenceDeadline, "300ms"},
		{"failover.probeDeadline", c.Failover.ProbeDeadline, "300ms"},
		{"failover.newActiveDeadline", c.Failover.NewActiveDeadline, "60s"},
		{"failover.rpcDeadline", c.Failover.RPCDeadline, "20s"},
		{"fencing.deadline", c.Fencing.Deadline, "60s"},
		{"fencing.ssh.connectTimeout", c.Fencing.SSH.ConnectTimeout, "30s"},
	} {
		if d.d <= 0 && d.key == "zookeeper.sessionTimeout" && c.Hadoop != nil {
			continue // ForNode's
		}
		k.positive(d.key, d.d, d.def)
	}
	for i, m := range c.Fencing.Methods {
		at := "fencing.methods." + strconv.Itoa(i)
		if strings.TrimSpace(m.Method) == "" {
			k.add(at+".method", "missing", "write a method such as shell(/usr/local/bin/fence.sh)")
		}
		k.positive(at+".timeout", m.Timeout, "30s")
	}
	if p := c.Controller.ZookeeperPatience; p < 0 {
		k.add("controller.zookeeperPatience", p.String()+" is below zero", "the default is 0s: wait as long as it takes")
	}
	if p := c.Controller.ReconnectPatience; p < 0 {
		k.add("controller.reconnectPatience", p.String()+" is below zero", "the default is 0s: wait as long as it takes")
	}
	if on := c.Controller.OnTerm; on != "handover" && on != "keep" {
		k.add("controller.onTerm", fmt.Sprintf("%q is not a choice", on), "write handover or keep")
	}
	k.hostPort("controller.httpAddress", c.Controller.HTTPAddress, true)
	if codes := []string{ExitOriginal, ExitDistinct}; !slices.Contains(codes, c.Admin.ExitCodes) {
		k.add("admin.exitCodes", fmt.Sprintf("%q is not a choice", c.Admin.ExitCodes), "write one of: "+strings.Join(codes, ", "))
	}
	if levels := []string{"debug", "info", "warn", "error"}; !slices.Contains(levels, c.Log.Level) {
		k.add("log.level", fmt.Sprintf("%q is not a level", c.Log.Level), "write one of: "+strings.Join(levels, ", "))
	}
}

func (k *checker) positive(key string, d time.Duration, def string) {
	if d <= 0 {
		k.add(key, fmt.Sprintf("%s is not above zero", d), "the default is "+def)
	}
}

func (k *checker) zookeeper(z Zookeeper) {
	if len(z.Quorum) == 0 {
		text := "no server is named"
		if k.cfg.File == "" {
			text += ", and no configuration file was found (looked for -config, " + EnvFile + ", " + EnvHadoop + ", ./holdfast.yaml, " + SystemFile +
				", $HADOOP_HOME/etc/hadoop, /etc/hadoop/conf)"
		}
		k.add("zookeeper.quorum", text, "write host:port of each server, e.g. zk1:2181")
	}
	for i, s := range z.Quorum {
		key := "zookeeper.quorum"
		k.hostPort(key, s, false)
		if slices.Index(z.Quorum, s) < i {
			k.add(key, s+" is named twice", "name each server once")
		}
	}
	p := z.ParentZnode
	if !strings.HasPrefix(p, "/") || p != "/" && (strings.HasSuffix(p, "/") || strings.Contains(p, "//")) {
		k.add("zookeeper.parentZnode", fmt.Sprintf("%q is not the path of a znode", p), "write it as /hadoop-ha")
	}
	if acls, err := z.ACLs(); err != nil {
		k.add("zookeeper.acl", err.Error(), "write scheme:id:perms, e.g. world:anyone:rwcda")
	} else if scheme := locksOut(acls, z.TLS.identified()); scheme != "" {
		text, remedy := lockedOut(scheme)
		k.add("zookeeper.acl", text, remedy)
	}
	if _, err := z.Auths(); err != nil {
		k.add("zookeeper.auth", err.Error(), "write scheme:data, e.g. digest:user:password")
	}
}

func (k *checker) nameservices(nss []Nameservice) {
	if len(nss) == 0 {
		k.add("nameservices", "none is configured", "describe at least one, with its nodes; configs/holdfast.yaml is a sample")
	}
	ids := map[string]bool{}
	for i, ns := range nss {
		at := "nameservices." + strconv.Itoa(i)
		k.id(at+".id", ns.ID, ids)
		if len(ns.Nodes) < 2 {
			k.add(at+".nodes", fmt.Sprintf("%d of at least 2 nodes", len(ns.Nodes)), "name the active's and the standby's addresses")
		}
		nodes, addrs := map[string]bool{}, map[string]string{}
		for j, n := range ns.Nodes {
			k.node(at+".nodes."+strconv.Itoa(j), n, ns.AutomaticFailover, nodes, addrs)
		}
	}
}

// node checks one node. Without automatic failover nobody listens on zkfcPort, so that two may have the same.
func (k *checker) node(at string, n Node, auto bool, ids map[string]bool, addrs map[string]string) {
	k.id(at+".id", n.ID, ids)
	switch {
	case n.Host == "":
		k.add(at+".host", "missing", "write the name or the address of the machine")
	case strings.ContainsAny(n.Host, " /\t") || strings.Contains(n.Host, ":") && net.ParseIP(n.Host) == nil:
		k.add(at+".host", fmt.Sprintf("%q is not a name or an address", n.Host), "ports have keys of their own: rpcPort, zkfcPort")
	}
	for _, p := range []struct {
		key  string
		port int
	}{{"rpcPort", n.RPCPort}, {"zkfcPort", n.ZKFCPort}} {
		key := at + "." + p.key
		if p.port < 1 || p.port > 65535 {
			k.add(key, fmt.Sprintf("%d is not a port", p.port), "write a number from 1 to 65535")
			continue
		}
		if p.key == "zkfcPort" && !auto {
			continue
		}
		addr := net.JoinHostPort(n.Host, strconv.Itoa(p.port))
		if other, taken := addrs[addr]; taken && n.Host != "" {
			k.add(key, addr+" is also "+other, "each service needs an address of its own")
		}
		addrs[addr] = p.key + " of " + n.ID
	}
	k.hostPort(at+".healthAddress", n.HealthAddress, true)
}

// id checks a name that becomes part of a znode's path and of the lock's data.
func (k *checker) id(key, id string, seen map[string]bool) {
	switch {
	case id == "":
		k.add(key, "missing", "write the original's name, e.g. ns1 or nn1")
	case strings.ContainsAny(id, "/.= \t\n") || strings.HasPrefix(id, "-"):
		k.add(key, fmt.Sprintf("%q cannot be a name", id), "use letters, digits, - and _")
	case seen[id]:
		k.add(key, id+" is named twice", "give each entry an id of its own")
	}
	seen[id] = true
}

// local checks that nameservice and node name something.
func (k *checker) local() {
	c := k.cfg
	var nss, nodes []string
	for _, ns := range c.Nameservices {
		nss = append(nss, ns.ID)
		if c.Nameservice == "" || c.Nameservice == ns.ID {
			for _, n := range ns.Nodes {
				nodes = append(nodes, n.ID)
			}
		}
	}
	if len(nss) == 0 {
		return
	}
	if c.Nameservice != "" && !slices.Contains(nss, c.Nameservice) {
		k.add("nameservice", c.Nameservice+" is not configured", "configured: "+strings.Join(nss, ", "))
		return
	}
	if c.Node != "" && !slices.Contains(nodes, c.Node) {
		k.add("node", c.Node+" is not configured", "configured: "+strings.Join(nodes, ", "))
	}
}

func (k *checker) hostPort(key, s string, mayBeEmpty bool) {
	if s == "" && mayBeEmpty {
		return
	}
	host, port, err := net.SplitHostPort(s)
	n, nerr := strconv.Atoi(port)
	if err != nil || nerr != nil || n < 0 || n > 65535 || n == 0 && !mayBeEmpty || host == "" && !mayBeEmpty {
		k.add(key, fmt.Sprintf("%q is not host:port", s), "write it as host:2181, an IPv6 address as [::1]:2181")
	}
}
