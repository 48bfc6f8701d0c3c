// Command zkbench is a load generator for any server of the ZooKeeper protocol.
package main

import (
	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/cli/zkbench"
)

func main() { cli.Run(zkbench.Main) }
