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

	"github.com/holdfast-ha/holdfast/failover/target"
)

// lookupTimeout bounds the name lookup for target_address: fencing must not wait for a name server that is away.
const lookupTimeout = 500 * time.Millisecond

// occasion is what a method is told: whom to fence, and what a script may know.
type occasion struct {
	Request
	base    []string                        // the environment without the nodes
	address func(id target.Identity) string // as Java prints it
}

func (f *Fencer) occasion(ctx context.Context, r Request) occasion {
	return occasion{Request: r, base: f.environ(), address: func(id target.Identity) string {
		return f.address(ctx, id.Host, id.Port)
	}}
}

// environ is this process's environment without its secrets, and the configuration's names with _ for dots.
func (f *Fencer) environ() []string {
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
		if strings.ContainsAny(k, "=\x00") || strings.Contains(f.env[k], "\x00") {
			continue // no variable can have it
		}
		env = append(env, strings.ReplaceAll(k, ".", "_")+"="+f.env[k])
	}
	return env
}

// env is the environment of a script that learns of node under each prefix, such as target_.
func (o occasion) env(node target.Identity, prefixes ...string) []string {
	env := slices.Clone(o.base)
	details := []string{
		"host=" + node.Host,
		"port=" + strconv.Itoa(node.Port),
		"address=" + o.address(node),
		"nameserviceid=" + node.NameserviceID,
		"namenodeid=" + node.ServiceID,
	}
	for _, p := range prefixes {
		for _, kv := range details {
			env = append(env, p+kv)
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
