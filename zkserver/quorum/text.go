package quorum

import (
	"fmt"
	"slices"
	"strings"
)

// String is the text as the original holds it in memory and sends it, version line last, no newline behind it.
func (m *Membership) String() string { return m.text }

// Data is String as bytes.
func (m *Membership) Data() []byte { return []byte(m.text) }

func (m *Membership) print() string {
	var b strings.Builder
	ids := make([]Sid, 0, len(m.Members))
	for _, s := range m.Members {
		ids = append(ids, s.ID)
	}
	for _, id := range inHashOrder(ids, m.table) {
		s, _ := m.Member(id)
		fmt.Fprintf(&b, "server.%d=%s\n", id, s)
	}
	m.printGroups(&b)
	fmt.Fprintf(&b, "version=%x", uint64(m.Version))
	return b.String()
}

func (m *Membership) printGroups(b *strings.Builder) {
	owner := map[Sid]int64{}
	var members, gids, weighted []Sid
	for _, g := range m.Groups {
		gids = append(gids, Sid(g.ID))
		for _, sid := range g.Members {
			owner[sid] = g.ID
			members = append(members, sid)
		}
	}
	members = inHashOrder(members, tableFor(len(members)))
	for _, gid := range inHashOrder(gids, tableFor(len(gids))) {
		sep := fmt.Sprintf("group.%d=", gid)
		for _, sid := range members {
			if owner[sid] == int64(gid) {
				fmt.Fprintf(b, "%s%d", sep, sid)
				sep = ":"
			}
		}
		b.WriteByte('\n')
	}
	for sid := range m.Weights {
		weighted = append(weighted, sid)
	}
	for _, sid := range inHashOrder(weighted, tableFor(len(weighted))) {
		fmt.Fprintf(b, "weight.%d=%d\n", sid, m.Weights[sid])
	}
}

// File is the text of a configuration file: the lines sorted. zoo.cfg.dynamic.N goes without the version (it is in the
// file's name), zoo.cfg.dynamic.next with it.
func (m *Membership) File(withVersion bool) []byte {
	lines := strings.Split(m.text, "\n")
	if !withVersion {
		lines = lines[:len(lines)-1]
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, "\n"))
}

// tableFor is the size of a java.util.HashMap with n entries put one by one.
func tableFor(n int) int {
	table := 16
	for n*4 > table*3 {
		table *= 2
	}
	return table
}

// inHashOrder sorts ids as a java.util.HashMap<Long,...> of that table size iterates over them; ids of one bucket ascend.
func inHashOrder(ids []Sid, table int) []Sid {
	bucket := func(id Sid) uint32 {
		h := uint32(uint64(id) ^ uint64(id)>>32)
		return (h ^ h>>16) & uint32(table-1)
	}
	out := slices.Clone(ids)
	slices.SortFunc(out, func(a, b Sid) int {
		if x, y := bucket(a), bucket(b); x != y {
			return int(x) - int(y)
		}
		return int(max(-1, min(1, a-b)))
	})
	return out
}
