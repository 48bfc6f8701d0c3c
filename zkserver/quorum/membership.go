package quorum

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Membership is one configuration of an ensemble: who belongs to it, where, and whose votes decide. It never changes once
// made. Its text is that of the original's dynamic configuration, in zoo.cfg.dynamic.N, in /zookeeper/config, in
// notifications and in NEWLEADER:
//
//	server.1=host:2888:3888:participant;0.0.0.0:2181
//	server.2=host:2888:3888:observer;0.0.0.0:2181
//	group.1=1:2:3          only for hierarchical quorums
//	weight.1=1             likewise
//	version=100000003      hexadecimal: the zxid of the reconfiguration; 0 as long as it has not been given one
type Membership struct {
	Version int64
	Members []Member // ascending
	// Groups and Weights are empty for majorities.
	Groups  []Group
	Weights map[Sid]int64
	// Quorum is the rule that follows from the above; nil when there is no participant.
	Quorum Verifier

	table int // size of the original's hash table: it gives the order of the lines
	text  string
}

// NewMembership makes a configuration out of its parts. Errors: a server given twice, a participant without a group, and
// those of NewMajority and NewHierarchical. No participant at all is no error here: see Check.
func NewMembership(members []Member, groups []Group, weights map[Sid]int64, version int64) (*Membership, error) {
	return newMembership(members, groups, weights, version, 16)
}

func newMembership(members []Member, groups []Group, weights map[Sid]int64, version int64, table int) (*Membership, error) {
	m := &Membership{Version: version, Members: slices.Clone(members), table: table}
	slices.SortFunc(m.Members, func(a, b Member) int { return int(max(-1, min(1, a.ID-b.ID))) })
	var voters []Sid
	for i, s := range m.Members {
		if s.ID < 0 {
			return nil, fmt.Errorf("quorum: server id %d is negative", s.ID)
		}
		if i > 0 && m.Members[i-1].ID == s.ID {
			return nil, fmt.Errorf("quorum: server.%d is given twice", s.ID)
		}
		if !s.Observer {
			voters = append(voters, s.ID)
		}
	}
	for len(m.Members)*4 > m.table*3 {
		m.table *= 2
	}
	if err := m.rule(voters, groups, weights); err != nil {
		return nil, err
	}
	m.text = m.print()
	return m, nil
}

// rule derives the verifier. Members of a group that are no participants are left out of it.
func (m *Membership) rule(voters []Sid, groups []Group, weights map[Sid]int64) (err error) {
	if len(groups) == 0 && len(weights) == 0 {
		if len(voters) > 0 {
			m.Quorum, err = NewMajority(voters...)
		}
		return err
	}
	m.Weights = map[Sid]int64{}
	for sid, w := range weights {
		m.Weights[sid] = w
	}
	grouped := map[Sid]bool{}
	var effective []Group
	for _, g := range groups {
		m.Groups = append(m.Groups, Group{ID: g.ID, Members: slices.Clone(g.Members)})
		e := Group{ID: g.ID}
		for _, sid := range g.Members {
			if grouped[sid] {
				return fmt.Errorf("quorum: server %d is in several groups, one is allowed", sid)
			}
			grouped[sid] = true
			if slices.Contains(voters, sid) {
				e.Members = append(e.Members, sid)
			}
		}
		if len(e.Members) > 0 {
			effective = append(effective, e)
		}
	}
	for _, sid := range voters {
		if !grouped[sid] {
			return fmt.Errorf("quorum: server %d is in no group: add it to a group.N line", sid)
		}
		if _, ok := m.Weights[sid]; !ok {
			m.Weights[sid] = 1
		}
	}
	if len(voters) > 0 {
		m.Quorum, err = NewHierarchical(effective, m.Weights)
	}
	return err
}

// ParseMembership reads the text of a dynamic configuration. Lines may be in any order; # and ! begin comments; of a key
// given twice the last counts. Unknown keys are errors, as in the original.
func ParseMembership(text []byte) (*Membership, error) {
	members := map[Sid]Member{}
	groups := map[int64]Group{}
	weights := map[Sid]int64{}
	var version int64
	for i, line := range strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' || r == '\r' }) {
		key, value, ok := property(line)
		if !ok {
			continue
		}
		if err := parseLine(key, value, members, groups, weights, &version); err != nil {
			return nil, fmt.Errorf("quorum: configuration line %d: %w", i+1, err)
		}
	}
	var list []Member
	for _, m := range members {
		list = append(list, m)
	}
	var glist []Group
	for _, g := range groups {
		glist = append(glist, g)
	}
	slices.SortFunc(glist, func(a, b Group) int { return int(max(-1, min(1, a.ID-b.ID))) })
	return NewMembership(list, glist, weights, version)
}

func parseLine(key, value string, members map[Sid]Member, groups map[int64]Group, weights map[Sid]int64, version *int64) error {
	if key == "version" {
		v, err := strconv.ParseInt(value, 16, 64)
		if err != nil {
			return fmt.Errorf("version %q is no hexadecimal number", value)
		}
		*version = v
		return nil
	}
	family, number, _ := strings.Cut(key, ".")
	if family != "server" && family != "group" && family != "weight" {
		return fmt.Errorf("unknown key %q: server.N, group.N, weight.N and version may stand here", key)
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("%q has no number: write %s.N", key, family)
	}
	switch family {
	case "server":
		m, err := ParseMember(Sid(n), value)
		if err != nil {
			return err
		}
		members[m.ID] = m
	case "group":
		g := Group{ID: n}
		for _, s := range strings.Split(value, ":") {
			sid, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
			if err != nil {
				return fmt.Errorf("group.%d: %q is no server id", n, s)
			}
			g.Members = append(g.Members, Sid(sid))
		}
		groups[n] = g
	case "weight":
		w, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return fmt.Errorf("weight.%d: %q is no number", n, value)
		}
		weights[Sid(n)] = w
	}
	return nil
}

// property splits a line of a Java properties file: the first of = : or blank ends the key, a backslash takes the next
// character as it is.
func property(line string) (key, value string, ok bool) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' || line[0] == '!' {
		return "", "", false
	}
	var b strings.Builder
	i := 0
	for ; i < len(line) && !strings.ContainsRune("=: \t", rune(line[i])); i++ {
		if line[i] == '\\' && i+1 < len(line) {
			i++
		}
		b.WriteByte(line[i])
	}
	rest := strings.TrimLeft(line[i:], " \t")
	if rest != "" && (rest[0] == '=' || rest[0] == ':') {
		rest = strings.TrimLeft(rest[1:], " \t")
	}
	return b.String(), strings.ReplaceAll(rest, `\`, ""), true
}

// Member gives the line of one server.
func (m *Membership) Member(id Sid) (Member, bool) {
	i, ok := slices.BinarySearchFunc(m.Members, id, func(s Member, id Sid) int { return int(max(-1, min(1, s.ID-id))) })
	if !ok {
		return Member{}, false
	}
	return m.Members[i], true
}

// IsVoter tells whether the server is a participant.
func (m *Membership) IsVoter(id Sid) bool {
	s, ok := m.Member(id)
	return ok && !s.Observer
}

// WithVersion is the same configuration under another version.
func (m *Membership) WithVersion(version int64) *Membership {
	c := *m
	c.Version = version
	c.text = c.print()
	return &c
}

// Same tells whether both say the same, the version aside.
func (m *Membership) Same(o *Membership) bool { return bytes.Equal(m.File(false), o.File(false)) }

// Check refuses a configuration that cannot work: no participant; with standalone (the key standaloneEnabled) a single
// participant with observers.
func (m *Membership) Check(standalone bool) error {
	voters := 0
	for _, s := range m.Members {
		if !s.Observer {
			voters++
		}
	}
	switch {
	case voters == 0:
		return errors.New("no participant: at least one server must have a vote")
	case voters == 1 && standalone && len(m.Members) > 1:
		return errors.New("observers beside a single participant: it would run standalone; give it a second participant or set standaloneEnabled=false")
	}
	return nil
}
