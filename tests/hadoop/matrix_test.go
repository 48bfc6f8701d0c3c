//go:build hadoop && unix

package hadoop

import (
	"testing"
)

// The original's zkfc beside nn1 and ours beside nn2 on zkserver.
func TestOriginalAndOurs(t *testing.T) {
	p := newPair(t, setting{zookeeper: ours, zkfc: [2]maker{original, ours}, keys: quick()})
	p.killNameNode()
	p.killNameNode()
	p.judge()
}
