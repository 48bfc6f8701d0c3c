// Command zkserver runs a ZooKeeper server from a zoo.cfg.
package main

import (
	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/cli/zkserver"
)

func main() { cli.Run(zkserver.Main) }
