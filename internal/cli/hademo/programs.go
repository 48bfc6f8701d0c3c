package hademo

import (
	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/cli/haadmin"
	"github.com/holdfast-ha/holdfast/internal/cli/nnstub"
	"github.com/holdfast-ha/holdfast/internal/cli/zkfc"
	"github.com/holdfast-ha/holdfast/internal/cli/zkserver"
)

// programs are what hademo runs as its children, all from its own executable: `go run ./cmd/hademo` builds one program and
// needs no other.
var programs = map[string]cli.Main{
	"zkserver": zkserver.Main,
	"nnstub":   nnstub.Main,
	"zkfc":     zkfc.Main,
	"haadmin":  haadmin.Main,
}
