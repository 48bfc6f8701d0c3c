package quorum

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
)

// Majority is the ordinary rule: each voter counts one, more than half decide.
type Majority struct {
	voters []Sid
}

// NewMajority makes the majority rule over the given voters, in any order.
func NewMajority(voters ...Sid) (*Majority, error) {
	sorted, err := checkVoters(voters)
	if err != nil {
		return nil, err
	}
	return &Majority{voters: sorted}, nil
}

// Voters implements Verifier.
func (m *Majority) Voters() []Sid { return m.voters }

// Weight implements Verifier: 1 for each voter.
func (m *Majority) Weight(sid Sid) int64 {
	if _, ok := slices.BinarySearch(m.voters, sid); ok {
		return 1
	}
	return 0
}

// Contains implements Verifier.
func (m *Majority) Contains(s Set) bool {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n > len(m.voters)/2
}

func checkVoters(voters []Sid) ([]Sid, error) {
	if len(voters) == 0 {
		return nil, errors.New("quorum: no voters: at least one server must be a participant")
	}
	if len(voters) > MaxVoters {
		return nil, fmt.Errorf("quorum: %d voters, at most %d are possible: make the others observers", len(voters), MaxVoters)
	}
	sorted := slices.Clone(voters)
	slices.Sort(sorted)
	for i, sid := range sorted {
		if sid < 0 {
			return nil, fmt.Errorf("quorum: server id %d is negative", sid)
		}
		if i > 0 && sid == sorted[i-1] {
			return nil, fmt.Errorf("quorum: server %d is given twice", sid)
		}
	}
	return sorted, nil
}
