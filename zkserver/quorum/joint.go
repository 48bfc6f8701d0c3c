package quorum

import "slices"

// Joint wants a quorum of both of two rules: the committed configuration and the one being introduced. Between the
// proposal of a new membership and its commit nothing may be decided without both.
type Joint struct {
	a, b   Verifier
	voters []Sid
	inA    []int // place in a.Voters() or -1, by place
	inB    []int
}

// NewJoint joins two rules. The voters are those of either.
func NewJoint(a, b Verifier) (*Joint, error) {
	all := slices.Concat(a.Voters(), b.Voters())
	slices.Sort(all)
	voters, err := checkVoters(slices.Compact(all))
	if err != nil {
		return nil, err
	}
	j := &Joint{a: a, b: b, voters: voters}
	for _, sid := range voters {
		j.inA = append(j.inA, Index(a, sid))
		j.inB = append(j.inB, Index(b, sid))
	}
	return j, nil
}

// Voters implements Verifier.
func (j *Joint) Voters() []Sid { return j.voters }

// Weight implements Verifier: the greater of the two, so that a server with a vote in either may be proposed.
func (j *Joint) Weight(sid Sid) int64 { return max(j.a.Weight(sid), j.b.Weight(sid)) }

// Contains implements Verifier.
func (j *Joint) Contains(s Set) bool {
	var sa, sb Set
	for i := range j.voters {
		if s.Has(i) {
			sa.Add(j.inA[i])
			sb.Add(j.inB[i])
		}
	}
	return j.a.Contains(sa) && j.b.Contains(sb)
}
