//go:build !unix

package zkfc

import "os"

// restartSignals: there are none here; controller.onTerm=keep is the way.
var restartSignals []os.Signal
