// Command haadmin asks and changes the HA state of NameNodes, in the original's spelling.
package main

import (
	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/cli/haadmin"
)

func main() { cli.Run(haadmin.Main) }
