package haconfig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// lookupTimeout bounds the name lookups of LocalNode.
const lookupTimeout = 5 * time.Second

// LocalNode is the node that this machine runs: the one that the key node names, or else the only one with an address
// of this machine. Several or none are an error that says what to set.
func (c *Config) LocalNode() (Nameservice, Node, error) {
	if c.Node != "" {
		return c.namedNode()
	}
	mine := map[string]bool{}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return Nameservice{}, Node{}, fmt.Errorf("cannot find this machine's addresses: %w; set node", err)
	}
	for _, a := range addrs {
		if ipn, ok := a.(*net.IPNet); ok {
			mine[ipn.IP.String()] = true
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	return c.nodeAmong(mine, func(host string) ([]string, error) {
		return net.DefaultResolver.LookupHost(ctx, host)
	})
}

func (c *Config) namedNode() (Nameservice, Node, error) {
	var found []string
	var ns Nameservice
	var node Node
	for _, s := range c.candidates() {
		if n, ok := s.Find(c.Node); ok {
			ns, node = s, n
			found = append(found, s.ID+"/"+n.ID)
		}
	}
	switch len(found) {
	case 0:
		return ns, node, c.asOriginal(fmt.Errorf("node %s is not configured", c.Node),
			"java.lang.IllegalArgumentException: Unable to determine service address for namenode '"+c.Node+"'")
	case 1:
		return ns, node, nil
	}
	return Nameservice{}, Node{}, fmt.Errorf("node %s is in several nameservices (%s); set nameservice", c.Node, strings.Join(found, ", "))
}

// nodeAmong finds the only node with an address in mine.
func (c *Config) nodeAmong(mine map[string]bool, lookup func(string) ([]string, error)) (Nameservice, Node, error) {
	set := "set node in the file, HOLDFAST_NODE, or -D node=ID"
	if c.Hadoop != nil {
		set = "set dfs.ha.namenode.id (and dfs.nameservice.id) in hdfs-site.xml, or by -D"
	}
	var found []string
	var failed []error
	var ns Nameservice
	var node Node
	for _, s := range c.candidates() {
		for _, n := range s.Nodes {
			host := n.here
			if host == "" {
				host = n.dial()
			}
			ips, err := lookup(host)
			if err != nil {
				failed = append(failed, err)
			}
			for _, ip := range ips {
				if mine[ip] || always(ip) {
					ns, node = s, n
					found = append(found, s.ID+"/"+n.ID)
					break
				}
			}
		}
	}
	switch {
	case len(found) == 1:
		return ns, node, nil
	case len(found) > 1:
		err := fmt.Errorf("several nodes have an address of this machine (%s); %s", strings.Join(found, ", "), set)
		return Nameservice{}, Node{}, c.asOriginal(err, hadoopIllegal+"Configuration has multiple addresses that match local node's address. "+
			"Please configure the system with dfs.nameservice.id and dfs.ha.namenode.id")
	}
	err := fmt.Errorf("no configured node has an address of this machine; %s", set)
	if len(failed) > 0 {
		err = fmt.Errorf("%w: %w", err, errors.Join(failed...))
	}
	return Nameservice{}, Node{}, c.asOriginal(err, hadoopIllegal+"Could not get the namenode ID of this node. You may run zkfc on the node other than namenode.")
}

// always tells whether every machine has that address: Debian, for one, names a machine 127.0.1.1.
func always(ip string) bool {
	a := net.ParseIP(ip)
	return a.IsLoopback() || a.IsUnspecified()
}

const hadoopIllegal = "org.apache.hadoop.HadoopIllegalArgumentException: "

// asOriginal adds the original's words to err, with Hadoop's configuration.
func (c *Config) asOriginal(err error, words string) error {
	if c.Hadoop == nil {
		return err
	}
	return Problems{{Text: err.Error(), Java: words}}
}

// candidates are the nameservices that the key nameservice leaves.
func (c *Config) candidates() []Nameservice {
	if c.Nameservice == "" {
		return c.Nameservices
	}
	if ns, ok := c.Find(c.Nameservice); ok {
		return []Nameservice{ns}
	}
	return nil
}

// Find is the nameservice with that id.
func (c *Config) Find(id string) (Nameservice, bool) {
	for _, ns := range c.Nameservices {
		if ns.ID == id {
			return ns, true
		}
	}
	return Nameservice{}, false
}

// Find is the node with that id.
func (ns Nameservice) Find(id string) (Node, bool) {
	for _, n := range ns.Nodes {
		if n.ID == id {
			return n, true
		}
	}
	return Node{}, false
}
