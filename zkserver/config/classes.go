package config

import (
	"cmp"
	"slices"
	"strings"
)

// Class is what becomes of a documented key.
type Class uint8

// The classes. Every documented key is in exactly one of them.
const (
	// Honoured keys do what the original's documentation says.
	Honoured Class = iota + 1
	// Refused keys end the start when they ask for what this release does not have.
	Refused
	// Meaningless keys are accepted with a warning: there is nothing here that they could change.
	Meaningless
)

func (c Class) String() string {
	switch c {
	case Honoured:
		return "honoured"
	case Refused:
		return "refused"
	case Meaningless:
		return "no meaning here"
	default:
		return "unknown"
	}
}

// KeyInfo describes one key, for documentation.
type KeyInfo struct {
	Name  string
	Also  []string // other names it has as a system property
	Class Class
	Hot   bool   // changed in a running server by a reload
	Note  string // why it is refused or means nothing
}

// key is one known key.
type key struct {
	name     string   // as in the documentation of zoo.cfg, without "zookeeper."
	also     []string // other names
	fileOnly bool
	flagOnly bool // a family of system properties: in zoo.cfg its members would be slips of the pen
	hot      bool
	ensemble bool // nothing for a server that runs alone

	set    func(*Config, string) error  // honoured
	metric func(*metrics, string) error // honoured, one of the metricsProvider keys
	refuse func(value string) bool      // refused for these values
	why    string                       // refused or meaningless
}

func (k *key) class() Class {
	switch {
	case k.set != nil || k.metric != nil:
		return Honoured
	case k.refuse != nil:
		return Refused
	default:
		return Meaningless
	}
}

// Keys are all known keys, sorted by name.
func Keys() []KeyInfo {
	var out []KeyInfo
	for _, k := range allKeys() {
		out = append(out, k.info())
	}
	slices.SortFunc(out, func(a, b KeyInfo) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return out
}

// Classify finds a key by any of its names; with or without the prefix "zookeeper.".
func Classify(name string) (KeyInfo, bool) {
	k, ok := newTable().find(name)
	if !ok {
		return KeyInfo{}, false
	}
	return k.info(), true
}

func (k *key) info() KeyInfo {
	return KeyInfo{Name: k.name, Also: k.also, Class: k.class(), Hot: k.hot, Note: k.why}
}

// allKeys is the table of all keys, families such as server.N by the name "server.".
func allKeys() []key {
	all := honoured()
	all = append(all, refused()...)
	for _, g := range meaningless {
		for name := range strings.FieldsSeq(g.names) {
			all = append(all, key{name: name, why: g.why})
		}
	}
	for name := range strings.FieldsSeq(ofClients) {
		all = append(all, key{name: name, flagOnly: true, why: noClient})
	}
	return all
}

// table finds keys by name.
type table struct {
	byName   map[string]*key
	families []*key // names that end in a dot
	names    []string
}

func newTable() *table {
	all := allKeys()
	t := &table{byName: make(map[string]*key, 2*len(all))}
	for i := range all {
		k := &all[i]
		t.byName[k.name] = k
		t.names = append(t.names, k.name)
		for _, name := range k.also {
			t.byName[name] = k
		}
		if strings.HasSuffix(k.name, ".") {
			t.families = append(t.families, k)
		}
	}
	return t
}

func (t *table) find(name string) (*key, bool) {
	name = strings.TrimPrefix(name, "zookeeper.")
	if k, ok := t.byName[name]; ok {
		return k, true
	}
	for _, k := range t.families {
		if strings.HasPrefix(name, k.name) {
			return k, true
		}
	}
	return nil, false
}

// isMember tells whether the key is one of the lines that say who is in the ensemble.
func (k *key) isMember() bool {
	return k.name == "server." || k.name == "group." || k.name == "weight."
}
