// Command zktool looks at, checks, repairs and purges the files of a ZooKeeper server while it is not running.
package main

import (
	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/cli/zktool"
)

func main() { cli.Run(zktool.Main) }
