// Command zkfc is the failover controller beside one node of a service.
package main

import (
	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/cli/zkfc"
)

func main() { cli.Run(zkfc.Main) }
