package haconfig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/hadoopconf"
)

const (
	quorumKey  = "ha.zookeeper.quorum"
	sessionKey = "ha.zookeeper.session-timeout.ms"
	parentKey  = "ha.zookeeper.parent-znode"
	aclKey     = "ha.zookeeper.acl"
	authKey    = "ha.zookeeper.auth"
	fencingKey = "dfs.ha.fencing.methods"

	serviceAddressKey = "dfs.namenode.servicerpc-address"
	rpcAddressKey     = "dfs.namenode.rpc-address"
	lifelineKey       = "dfs.namenode.lifeline.rpc-address"
	automaticKey      = "dfs.ha.automatic-failover.enabled"
)

// laterRelease is the remedy for what is refused now and will come.
const laterRelease = "Kerberos comes with the security release; until then use the original zkfc and haadmin here"

// security refuses a cluster that needs what is not there yet.
func (b *bridge) security() {
	if v, _ := b.conf.Lookup("hadoop.security.authentication"); !strings.EqualFold(b.value(v), "simple") {
		b.complain(v, fmt.Sprintf("authentication %q is not supported yet, only simple", b.value(v)), laterRelease)
	}
}

// shared sets what may differ between NameNodes: ZooKeeper and fencing. Empty ids mean the keys without a suffix.
func (b *bridge) shared(ns, nn string) {
	c := b.cfg
	set := func(path, key string, apply func(v hadoopconf.Value)) {
		if b.own[strings.ToLower(path)] {
			return
		}
		v := b.conf.Suffixed(key, ns, nn)
		b.origins.set(path, v.From.String())
		apply(v)
	}
	set("zookeeper.quorum", quorumKey, func(v hadoopconf.Value) {
		// A path after the servers is the root of all znodes, in the ZooKeeper client's notation.
		servers, chroot, _ := strings.Cut(b.value(v), "/")
		c.Zookeeper.Quorum = splitList(servers)
		c.chroot = strings.Trim(chroot, "/")
	})
	set("zookeeper.parentZnode", parentKey, func(v hadoopconf.Value) {
		c.Zookeeper.ParentZnode = b.value(v)
		if p := strings.TrimRight(c.Zookeeper.ParentZnode, "/"); p != "" {
			c.Zookeeper.ParentZnode = p
		}
		if c.chroot != "" {
			c.Zookeeper.ParentZnode = strings.TrimSuffix("/"+c.chroot+c.Zookeeper.ParentZnode, "/")
		}
	})
	set("zookeeper.acl", aclKey, func(v hadoopconf.Value) { c.Zookeeper.ACL = b.value(v) })
	set("zookeeper.auth", authKey, func(v hadoopconf.Value) { c.Zookeeper.Auth = b.value(v) })
	if ns != "" {
		set("zookeeper.sessionTimeout", sessionKey, func(v hadoopconf.Value) {
			if n, ok := b.integer(v); ok && (!v.Default || !b.fast()) {
				c.Zookeeper.SessionTimeout = time.Duration(n) * time.Millisecond
			}
		})
	}
	set("fencing.methods", fencingKey, func(v hadoopconf.Value) {
		c.Fencing.Methods = methods(b.value(v))
	})
	acl, _ := b.conf.Lookup(adminsKey)
	b.value(acl) // for its problems; what follows needs the blank before a list of groups alone
	text, err := b.conf.Expand(acl.Raw)
	if users, groups := admins(text); err == nil && !b.own["controller.admins"] && !b.own["controller.admingroups"] {
		c.Controller.Admins, c.Controller.AdminGroups = users, groups
	}
}

// admins are the users and groups of an access list "user,user group,group"; * is everybody.
func admins(acl string) (users, groups []string) {
	u, g, _ := strings.Cut(acl, " ")
	return splitList(u), splitList(g)
}

// ForNode applies the keys that are set for this node in particular, and checks those that only zkfc needs. With
// holdfast.yaml there is nothing to do: Load has seen all. An n without an id means the nameservice as a whole.
func (c *Config) ForNode(ns Nameservice, n Node) Problems {
	if c.Hadoop == nil {
		return nil
	}
	b := &bridge{reader: &reader{origins: c.origins}, conf: c.Hadoop, cfg: c, own: c.own}
	b.shared(ns.ID, n.ID)
	where := func(path, key string) (string, string) {
		if v := c.Hadoop.Suffixed(key, ns.ID, n.ID); !b.own[strings.ToLower(path)] && v.Name != "" {
			return v.From.String(), v.Name
		}
		if w, ok := c.origins[strings.ToLower(path)]; ok && b.own[strings.ToLower(path)] {
			return w, OwnPrefix + path
		}
		return c.Hadoop.Dir(), key
	}
	b.credentials()
	b.tlsComplete()
	c.Policy = b.policy()
	add := func(path, key, text, remedy, java string) {
		w, k := where(path, key)
		b.problems = append(b.problems, Problem{Where: w, Key: k, Text: text, Remedy: remedy, Java: java})
	}
	z := c.Zookeeper
	if len(z.Quorum) == 0 {
		add("zookeeper.quorum", quorumKey, "is not set", "write host:port of each ZooKeeper server, with commas, in "+hadoopconf.CoreSite,
			"java.lang.IllegalArgumentException: Missing required configuration '"+quorumKey+"' for ZooKeeper quorum")
	}
	for _, s := range z.Quorum {
		if !strings.Contains(s, ":") {
			s += ":2181"
		}
		k := &checker{cfg: c}
		if k.hostPort("", s, false); len(k.out) > 0 {
			add("zookeeper.quorum", quorumKey, k.out[0].Text, k.out[0].Remedy, "")
		}
	}
	if z.SessionTimeout <= 0 {
		ms := fmt.Sprint(z.SessionTimeout.Milliseconds())
		add("zookeeper.sessionTimeout", sessionKey, ms+" is not above zero", "write a number of milliseconds",
			"java.lang.IllegalArgumentException: Invalid ZK session timeout "+ms)
	}
	if p := z.ParentZnode; !strings.HasPrefix(p, "/") || strings.Contains(p, "//") {
		add("zookeeper.parentZnode", parentKey, fmt.Sprintf("%q is not the path of a znode", p), "write it as /hadoop-ha", "")
	}
	if acls, err := z.ACLs(); err != nil {
		java := ""
		var bad *errACL
		if errors.As(err, &bad) {
			java = "org.apache.hadoop.util.ZKUtil$BadAclFormatException: " + bad.java
		}
		add("zookeeper.acl", aclKey, err.Error(), "write scheme:id:perms, e.g. world:anyone:rwcda", java)
	} else if scheme := locksOut(acls, z.TLS.identified()); scheme != "" {
		text, remedy := lockedOut(scheme)
		add("zookeeper.acl", aclKey, text, remedy, "")
	}
	if _, err := z.Auths(); err != nil {
		add("zookeeper.auth", authKey, err.Error(), "write scheme:data, or @file", "")
	}
	return b.problems
}

// hostName is how Java names an address when it writes it to ZooKeeper: backwards looked up, if the name leads back to it.
// An original controller compares what it reads there with what it finds itself.
func hostName(host string) string {
	if net.ParseIP(host) == nil {
		return host
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	names, err := net.DefaultResolver.LookupAddr(ctx, host)
	if err != nil || len(names) == 0 {
		return host
	}
	name := strings.TrimSuffix(names[0], ".")
	ips, err := net.DefaultResolver.LookupHost(ctx, name)
	if err != nil {
		return host
	}
	for _, ip := range ips {
		if ip == host {
			return name
		}
	}
	return host
}
