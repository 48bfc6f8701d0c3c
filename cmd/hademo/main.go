// Command hademo plays failovers on real processes and shows what they cost.
package main

import (
	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/cli/hademo"
)

func main() { cli.Run(hademo.Main) }
