package fencing

import (
	"context"
	"net"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// lookupTimeout bounds the name lookup for target_address: fencing must not wait for a name server that is away.
const lookupTimeout = 500 * time.Millisecond

// environ is the environment of a script: this process's without its secrets, the configuration's names with _ for dots,
// and the node.
func (f *Fencer) environ(ctx context.Context, r Request) []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(f.secret, name)
	})
	names := make([]string, 0, len(f.env))
	for k := range f.env {
		names = append(names, k)
	}
	sort.Strings(names)
	for _, k := range names {
		env = append(env, strings.ReplaceAll(k, ".", "_")+"="+f.env[k])
	}
	node := []string{
		"host=" + r.Node.Host,
		"port=" + strconv.Itoa(r.Node.Port),
		"address=" + f.address(ctx, r.Node.Host, r.Node.Port),
		"nameserviceid=" + r.Node.NameserviceID,
		"namenodeid=" + r.Node.ServiceID,
	}
	for _, kv := range node {
		env = append(env, "target_"+kv)
		if r.Manual {
			env = append(env, "source_"+kv)
		}
	}
	return env
}

func (f *Fencer) address(ctx context.Context, host string, port int) string {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	return javaAddress(ctx, f.lookup, host, port)
}

// JavaAddress is host:port as Java prints a resolved InetSocketAddress: localhost/127.0.0.1:8020, or /127.0.0.1:8020
// when the host is an address.
func JavaAddress(ctx context.Context, host string, port int) string {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	return javaAddress(ctx, net.DefaultResolver.LookupHost, host, port)
}

func javaAddress(ctx context.Context, lookup func(context.Context, string) ([]string, error), host string, port int) string {
	p := ":" + strconv.Itoa(port)
	if net.ParseIP(host) != nil {
		return "/" + host + p
	}
	ips, err := lookup(ctx, host)
	if err != nil || len(ips) == 0 {
		return host + "/<unresolved>" + p
	}
	for _, ip := range ips { // the original prefers IPv4
		if net.ParseIP(ip).To4() != nil {
			return host + "/" + ip + p
		}
	}
	return host + "/" + ips[0] + p
}
