package quorum

import (
	"errors"
	"fmt"
	"slices"
)

// Group is one group.N line with the weights of its members.
type Group struct {
	ID      int64
	Members []Sid
}

// Hierarchical wants more than half of the groups, and in each of them more than half of the weight. Groups whose
// weights add up to zero do not count.
type Hierarchical struct {
	voters  []Sid
	weights []int64 // by place
	group   []int   // by place: index into total
	total   []int64 // by group: sum of the weights
	groups  int     // groups of non-zero weight
}

// NewHierarchical makes the rule of group.N and weight.N. A member without an entry in weights weighs 1.
func NewHierarchical(groups []Group, weights map[Sid]int64) (*Hierarchical, error) {
	if len(groups) == 0 {
		return nil, errors.New("quorum: no groups: give at least one group.N=sid:sid:... line")
	}
	var all []Sid
	owner := map[Sid]int64{}
	for _, g := range groups {
		if len(g.Members) == 0 {
			return nil, fmt.Errorf("quorum: group %d has no members", g.ID)
		}
		for _, sid := range g.Members {
			if other, ok := owner[sid]; ok {
				return nil, fmt.Errorf("quorum: server %d is in groups %d and %d, one is allowed", sid, other, g.ID)
			}
			owner[sid] = g.ID
			all = append(all, sid)
		}
	}
	voters, err := checkVoters(all)
	if err != nil {
		return nil, err
	}
	h := &Hierarchical{
		voters:  voters,
		weights: make([]int64, len(voters)),
		group:   make([]int, len(voters)),
		total:   make([]int64, len(groups)),
	}
	for gi, g := range groups {
		for _, sid := range g.Members {
			w, ok := weights[sid]
			if !ok {
				w = 1
			}
			if w < 0 || w > 1<<31 {
				return nil, fmt.Errorf("quorum: weight %d of server %d is outside 0 to 2147483648", w, sid)
			}
			i, _ := slices.BinarySearch(voters, sid)
			h.weights[i], h.group[i] = w, gi
			h.total[gi] += w
		}
		if h.total[gi] > 0 {
			h.groups++
		}
	}
	if h.groups == 0 {
		return nil, errors.New("quorum: all weights are zero, so nobody could decide: give one server a weight of 1")
	}
	return h, nil
}

// NewWeighted makes the rule of one group: more than half of the weight. A voter without an entry weighs 1.
func NewWeighted(voters []Sid, weights map[Sid]int64) (*Hierarchical, error) {
	if len(voters) == 0 {
		return nil, errors.New("quorum: no voters: at least one server must be a participant")
	}
	return NewHierarchical([]Group{{ID: 1, Members: voters}}, weights)
}

// Voters implements Verifier.
func (h *Hierarchical) Voters() []Sid { return h.voters }

// Weight implements Verifier.
func (h *Hierarchical) Weight(sid Sid) int64 {
	if i, ok := slices.BinarySearch(h.voters, sid); ok {
		return h.weights[i]
	}
	return 0
}

// Contains implements Verifier. It looks at each group in turn, so it needs no memory of its own.
func (h *Hierarchical) Contains(s Set) bool {
	won := 0
	for g, total := range h.total {
		var sum int64
		for i := range h.voters {
			if h.group[i] == g && s.Has(i) {
				sum += h.weights[i]
			}
		}
		if sum > total/2 {
			won++
		}
	}
	return won > h.groups/2
}
