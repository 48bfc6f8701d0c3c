package haconfig

import "errors"

// Options is where Load looks.
type Options struct {
	// File is the value of the -config flag; empty: search.
	File string
	// Set holds "key=value" settings of the command line (-D and named flags), later ones win.
	Set []string
	// Environ is the environment as os.Environ returns it; nil: os.Environ().
	Environ []string
	// Dir is the directory of the relative search; empty: the working directory.
	Dir string
}

// Load reads, overrides and validates the configuration.
func Load(o Options) (*Config, error) { return nil, errors.New("not built yet") }

// ACL is one entry of an access list.
type ACL struct {
	Scheme, ID string
	Perms      int32 // ZooKeeper's bits: read 1, write 2, create 4, delete 8, admin 16
}

// Auth is one identity to add to the session.
type Auth struct {
	Scheme string
	Data   []byte
}

// ACLs parses the acl key, reading the file behind @file.
func (z Zookeeper) ACLs() ([]ACL, error) { return nil, errors.New("not built yet") }

// Auths parses the auth key, reading the file behind @file.
func (z Zookeeper) Auths() ([]Auth, error) { return nil, errors.New("not built yet") }

// LocalNode is the node that this machine runs: the configured one, or the only one with an address of this machine.
func (c *Config) LocalNode() (Nameservice, Node, error) {
	return Nameservice{}, Node{}, errors.New("not built yet")
}

// FencingEnv is the configuration as environment of a fencing script: the originals' names with dots as underscores.
func (c *Config) FencingEnv(ns Nameservice, local Node) map[string]string { return nil }
