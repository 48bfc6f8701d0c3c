package sim

import (
	"fmt"
	"slices"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// groupLines are the group and weight lines of a configuration with these voters, by chance. Sometimes there are none: then
// a majority decides.
func (w *World) groupLines(voters []zab.Sid) []string {
	r := w.rng
	n := min(len(voters), r.IntN(4))
	if n == 0 {
		return nil
	}
	groups, weights := make([]quorum.Group, n), map[zab.Sid]int64{}
	for i, id := range voters {
		g := &groups[i%n]
		if i >= n {
			g = &groups[r.IntN(n)] // the first ones see to it that no group is empty
		}
		g.Members = append(g.Members, id)
		weights[id] = r.Int64N(4)
	}
	weights[voters[r.IntN(len(voters))]] = 1
	return groupText(groups, weights)
}

// groupText is how a configuration says it.
func groupText(groups []quorum.Group, weights map[zab.Sid]int64) (lines []string) {
	for i, g := range groups {
		line := fmt.Sprintf("group.%d=", i+1)
		for k, id := range g.Members {
			if k > 0 {
				line += ":"
			}
			line += id.String()
		}
		lines = append(lines, line)
	}
	for _, g := range groups {
		for _, id := range g.Members {
			lines = append(lines, fmt.Sprintf("weight.%d=%d", id, weights[id]))
		}
	}
	return lines
}

// keptGroups are the lines of the configuration in force, as far as they fit other voters: who is gone is left out, who is
// new gets a group and a weight.
func (w *World) keptGroups(m *quorum.Membership, voters []zab.Sid) []string {
	if len(m.Groups) == 0 {
		return nil
	}
	var groups []quorum.Group
	weights, known := map[zab.Sid]int64{}, map[zab.Sid]bool{}
	for _, g := range m.Groups {
		kept := quorum.Group{}
		for _, id := range g.Members {
			if slices.Contains(voters, id) {
				kept.Members = append(kept.Members, id)
				weights[id], known[id] = m.Weights[id], true
			}
		}
		if len(kept.Members) > 0 {
			groups = append(groups, kept)
		}
	}
	if len(groups) == 0 {
		groups = append(groups, quorum.Group{})
	}
	for _, id := range voters {
		if !known[id] {
			g := &groups[w.rng.IntN(len(groups))]
			g.Members = append(g.Members, id)
			weights[id] = 1 + w.rng.Int64N(3)
		}
	}
	return groupText(groups, weights)
}
