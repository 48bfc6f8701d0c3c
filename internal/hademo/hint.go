package hademo

import (
	"fmt"
	"strings"
)

// hint tells how to reach what is left running, in commands that can be pasted.
func (c *cluster) hint() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Everything is running; Ctrl-C ends it. To play with it, in another terminal:\n\n")
	fmt.Fprintf(&b, "  export HOLDFAST_CONFIG=%s\n", c.configPath())
	fmt.Fprintf(&b, "  go run ./cmd/haadmin -getAllServiceState\n")
	fmt.Fprintf(&b, "  go run ./cmd/haadmin -failover %s %s\n", c.nodes[0].id, c.nodes[1].id)
	fmt.Fprintf(&b, "  go run ./cmd/zkcli -server %s ls -R /hadoop-ha\n", strings.Join(c.clientAddrs(), ","))
	fmt.Fprintf(&b, "  go run ./cmd/nnstub put --address %s,%s /hello README.md\n", c.nodes[0].rpcAddr(), c.nodes[1].rpcAddr())
	fmt.Fprintf(&b, "  kill -9 $(cat %s/nn1.pid)      # what is dead is started again after a few seconds; the logs are there too\n", c.dir)
	return b.String()
}
