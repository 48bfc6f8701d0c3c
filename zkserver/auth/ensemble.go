package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// EnsembleCheck is how a name that a client gave compares with the server's.
type EnsembleCheck uint8

// The outcomes. Skipped: one of the two has no name.
const (
	EnsembleSkipped EnsembleCheck = iota
	EnsembleMatches
	EnsembleDiffers
)

// ErrOtherEnsemble is why a connection ends whose client means another ensemble. It is not told so: after an answer it would give
// up, without one it goes on to the next of its servers, which may be the right one.
var ErrOtherEnsemble = errors.New("the client means another ensemble (ensembleAuthName)")

// ensembleScheme proves nobody: by its packets clients say which ensemble they mean to be at.
type ensembleScheme struct {
	names map[string]bool // nil: any
	tell  func(EnsembleCheck)
}

// newEnsemble makes the scheme of names with commas between; empty for a server that has none.
func newEnsemble(names string, tell func(EnsembleCheck)) ensembleScheme {
	e := ensembleScheme{tell: tell}
	if names != "" {
		e.names = map[string]bool{}
		for name := range strings.SplitSeq(names, ",") {
			e.names[strings.TrimSpace(name)] = true
		}
	}
	if e.tell == nil {
		e.tell = func(EnsembleCheck) {}
	}
	return e
}

func (ensembleScheme) Name() string { return "ensemble" }

func (e ensembleScheme) Authenticate(data []byte, _ netip.Addr) ([]zkproto.ID, error) {
	switch {
	case len(data) == 0 || e.names == nil:
		e.tell(EnsembleSkipped)
	case e.names[string(data)]:
		e.tell(EnsembleMatches)
	default:
		e.tell(EnsembleDiffers)
		return nil, fmt.Errorf("%w: %q", ErrOtherEnsemble, data)
	}
	return nil, nil
}

func (ensembleScheme) Valid(string) bool { return false }

func (ensembleScheme) Matches(string, string) bool { return false }

func (ensembleScheme) Authenticated() bool { return false }
