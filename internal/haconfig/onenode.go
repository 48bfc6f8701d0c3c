package haconfig

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// What haadmin of the original reads of Hadoop's files, NameNode by NameNode, each from its own keys: a nameservice need not be
// named in dfs.nameservices, nor a NameNode in dfs.ha.namenodes.

// OnlyNameservice is the id of the nameservice that is meant when none is named; the error has the original's words.
func (c *Config) OnlyNameservice() (string, error) {
	ids, err := c.Hadoop.Strings("dfs.nameservices")
	if err == nil && len(ids) == 1 {
		return ids[0], nil
	}
	text := "Unable to determine the name service ID."
	raw, _ := c.Hadoop.Get("dfs.nameservices")
	if parts := slices.DeleteFunc(strings.Split(raw, ","), func(s string) bool { return s == "" }); len(parts) > 1 {
		text += " This is an HA configuration with multiple name services configured. dfs.nameservices is set to [" +
			strings.Join(parts, ", ") + "]. Please re-run with the -ns option."
	}
	return "", fmt.Errorf("%s", text)
}

// NameNodeIDs are the NameNodes of a nameservice; none when it is not known.
func (c *Config) NameNodeIDs(ns string) []string {
	ids, _ := c.Hadoop.Strings("dfs.ha.namenodes." + ns)
	return ids
}

// NameNode is the NameNode nn of ns. Problems say why there is none; the first of them has the original's exception.
func (c *Config) NameNode(ns, nn string) (Nameservice, Node, error) {
	b := &bridge{reader: &reader{origins: origins{}}, conf: c.Hadoop, cfg: c, own: c.own, names: hostName}
	auto := b.conf.Suffixed(automaticKey, ns, "")
	out := Nameservice{ID: ns, AutomaticFailover: b.boolean(auto, false)}
	n, ok := b.node(ns, nn, "")
	if !ok || len(b.problems) > 0 {
		return out, Node{}, b.problems
	}
	out.Nodes = []Node{n.Node}
	return out, n.Node, nil
}

// AddressOf tells where the address of a NameNode is set: the key, and file:line.
func (c *Config) AddressOf(ns, nn string) (key, where string) {
	for _, k := range []string{serviceAddressKey, rpcAddressKey} {
		if v, ok := c.Hadoop.Lookup(k + "." + ns + "." + nn); ok {
			return v.Name, v.From.String()
		}
	}
	return rpcAddressKey + "." + ns + "." + nn, c.Hadoop.Dir()
}

// Known tells which nameservices and NameNodes the files have, for somebody who has named another.
func (c *Config) Known() string {
	v, ok := c.Hadoop.Lookup("dfs.nameservices")
	if !ok {
		return "dfs.nameservices is not set; is " + c.File + " the right directory?"
	}
	var out []string
	ids, _ := c.Hadoop.Strings("dfs.nameservices")
	for _, ns := range ids {
		out = append(out, ns+" ("+strings.Join(c.NameNodeIDs(ns), ", ")+")")
	}
	return v.From.String() + ": dfs.nameservices has " + strings.Join(out, ", ")
}

// methodsOf are the fencing methods for one NameNode, which may have its own.
func (c *Config) methodsOf(ns, nn string) []FencingMethod {
	if c.Hadoop == nil || c.own["fencing.methods"] {
		return c.Fencing.Methods
	}
	v := c.Hadoop.Suffixed(fencingKey, ns, nn)
	text, err := c.Hadoop.Expand(v.Raw)
	if err != nil {
		text = v.Raw
	}
	return methods(text)
}

// methods are those of a text, one in a line.
func methods(text string) []FencingMethod {
	var out []FencingMethod
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, FencingMethod{Method: line, Timeout: 30 * time.Second})
		}
	}
	return out
}
