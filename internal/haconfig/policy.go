package haconfig

import (
	"os"
	"path/filepath"

	"github.com/holdfast-ha/holdfast/internal/hadoopconf"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
)

// Policy is Hadoop's service level authorization of zkfc's protocol, of hadoop-policy.xml: it holds where
// hadoop.security.authorization is true, before the rule for administrators.
type Policy struct {
	Allowed, Blocked    hadooprpc.ACL
	Hosts, BlockedHosts hadooprpc.Machines
	Effective           []Setting // the keys, which are in no Config.Effective
}

// The keys of the policy. Each but the first has the same for blocking after it, and stands for the other where that is not set.
const (
	authorizationKey = "hadoop.security.authorization"
	policyFile       = "hadoop-policy.xml"
	zkfcPolicyKey    = "security.zkfc.protocol"
	anyPolicyKey     = "security.service.authorization.default"
	blockedKey       = ".blocked"
)

// policy reads the policy, if it is in force.
func (b *bridge) policy() *Policy {
	on, _ := b.conf.Lookup(authorizationKey)
	if !b.boolean(on, false) {
		return nil
	}
	conf := b.conf
	if dir := conf.Dir(); dir != "" {
		file := os.Getenv("HADOOP_POLICYFILE") // of hadoop-env.sh
		if file == "" {
			file = policyFile
		}
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		with, wrong := conf.With(file)
		for _, w := range wrong {
			b.problems = append(b.problems, Problem{Where: w.From.String(), Key: w.Key, Text: w.Text, Remedy: w.Remedy, Fatal: w.Fatal})
		}
		conf = with
	}
	p := &Policy{}
	read := func(suffix, def string) (hadoopconf.Value, string) {
		for _, key := range []string{zkfcPolicyKey + suffix, anyPolicyKey + suffix} {
			v, set := conf.Lookup(key)
			if !set {
				continue
			}
			text, err := conf.Expand(v.Raw) // with the blank before a list of groups alone
			if err != nil {
				b.complain(v, err.Error(), "")
			}
			p.Effective = append(p.Effective, Setting{key, text, v.From.String()})
			return v, text
		}
		p.Effective = append(p.Effective, Setting{zkfcPolicyKey + suffix, def, "default"})
		return hadoopconf.Value{}, def
	}
	acl := func(suffix, def string) hadooprpc.ACL {
		_, text := read(suffix, def)
		return hadooprpc.ParseACL(text)
	}
	hosts := func(suffix, def string) hadooprpc.Machines {
		v, text := read(suffix, def)
		m, err := hadooprpc.ParseMachines(text)
		if err != nil {
			b.complain(v, err.Error(), "write addresses, networks and names of machines, with commas")
		}
		return m
	}
	p.Allowed, p.Blocked = acl(".acl", "*"), acl(".acl"+blockedKey, "")
	p.Hosts, p.BlockedHosts = hosts(".hosts", "*"), hosts(".hosts"+blockedKey, "")
	return p
}
