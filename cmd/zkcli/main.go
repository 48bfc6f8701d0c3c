// Command zkcli is a shell for any server of the ZooKeeper protocol, with the syntax of zkCli.sh.
package main

import (
	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/cli/zkcli"
)

func main() { cli.Run(zkcli.Main) }
