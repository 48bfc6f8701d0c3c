//go:build compat

package compat

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/cli/zkfc"
)

// far are nodes on other machines, of names that need no name server.
var far = []string{
	"dfs.nameservices=ns1", "dfs.ha.namenodes.ns1=nn1,nn2", "dfs.namenode.rpc-address.ns1.nn1=192.0.2.1:8020", "dfs.namenode.rpc-address.ns1.nn2=192.0.2.2:8020",
	"dfs.ha.fencing.methods=shell(/bin/true)", "ha.zookeeper.quorum=127.0.0.1:1", "dfs.ha.automatic-failover.enabled=true",
}

// places are configurations, and which NameNode a controller on this machine stands beside.
var places = []struct {
	name  string
	props []string
}{
	{"by its address", append(far, "dfs.namenode.rpc-address.ns1.nn2=localhost:8020")},
	{"by the machine's second name", append(far, "dfs.namenode.rpc-address.ns1.nn2=127.0.1.1:8020")},
	{"by a wildcard", append(far, "dfs.namenode.rpc-address.ns1.nn1=0.0.0.0:8020")},
	{"by IPv6", append(far, "dfs.namenode.rpc-address.ns1.nn1=[::1]:8020")},
	{"named", append(far, "dfs.ha.namenode.id= nn2 ")},
	{"named, though both are here", append(far, "dfs.ha.namenode.id=nn2", "dfs.namenode.rpc-address.ns1.nn1=localhost:1", "dfs.namenode.rpc-address.ns1.nn2=localhost:2")},
	{"both are here", append(far, "dfs.namenode.rpc-address.ns1.nn1=localhost:1", "dfs.namenode.rpc-address.ns1.nn2=localhost:2")},
	{"none is here", far},
	{"the service's address is here, that for clients is not", append(far, "dfs.namenode.servicerpc-address.ns1.nn1=localhost:8021")},
	{"the service's address is elsewhere", append(far, "dfs.namenode.rpc-address.ns1.nn1=localhost:8020", "dfs.namenode.servicerpc-address.ns1.nn1=192.0.2.3:8021")},
	{"in the second of two", append(far, "dfs.nameservices=ns1,ns2", "dfs.ha.namenodes.ns2=a,b", "dfs.namenode.rpc-address.ns2.a=192.0.2.4:1", "dfs.namenode.rpc-address.ns2.b=localhost:1")},
	{"in both of two", append(far, "dfs.nameservices=ns1,ns2", "dfs.namenode.rpc-address.ns1.nn1=localhost:2", "dfs.ha.namenodes.ns2=a,b", "dfs.namenode.rpc-address.ns2.a=192.0.2.4:1", "dfs.namenode.rpc-address.ns2.b=localhost:1")},
	{"in both of two, named", append(far, "dfs.nameservice.id=ns2", "dfs.nameservices=ns1,ns2", "dfs.namenode.rpc-address.ns1.nn1=localhost:2", "dfs.ha.namenodes.ns2=a,b", "dfs.namenode.rpc-address.ns2.a=192.0.2.4:1", "dfs.namenode.rpc-address.ns2.b=localhost:1")},
	{"an unknown node", append(far, "dfs.ha.namenode.id=nn9")},
	{"an unknown nameservice", append(far, "dfs.nameservice.id=ns9")},
	{"one NameNode", append(far, "dfs.ha.namenodes.ns1=nn1", "dfs.ha.namenode.id=nn1")},
	{"nothing", nil},
	{"three, one of them an observer", append(far, "dfs.ha.namenodes.ns1=nn1,nn2,nn3", "dfs.namenode.rpc-address.ns1.nn3=localhost:8020")},
}

// TestControllerFindsItsNodeAsTheOriginalDoes compares which node is meant, or why none is.
func TestControllerFindsItsNodeAsTheOriginalDoes(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	for _, c := range places {
		t.Run(c.name, func(t *testing.T) {
			dir := properties(t, c.props...)
			theirs := j.ask("zkfc", dir)
			var out, errs bytes.Buffer
			code := zkfc.Main(context.Background(), []string{"-conf", dir, "check"}, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
			if e, none := theirs["exception"]; none {
				require.Equal(t, 1, code)
				require.Contains(t, errs.String(), "DFSZKFailOverController exiting due to earlier exception "+e)
				require.NotContains(t, out.String(), "this node: ")
				return
			}
			require.Contains(t, out.String(), "this node: "+theirs["node"]+"\n", errs.String())
		})
	}
}
