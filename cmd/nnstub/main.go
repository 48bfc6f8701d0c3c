// Command nnstub is the demo NameNode: see nnstub --help.
package main

import (
	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/cli/nnstub"
)

func main() { cli.Run(nnstub.Main) }
