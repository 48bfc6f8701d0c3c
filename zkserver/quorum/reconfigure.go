package quorum

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// ReconfigError is why a reconfiguration is refused: the code that the client gets and the reason in words.
type ReconfigError struct {
	Code   zkproto.Error
	Reason string
}

// Error implements error.
func (e *ReconfigError) Error() string { return "reconfiguration refused: " + e.Reason }

// Unwrap gives the code.
func (e *ReconfigError) Unwrap() error { return e.Code }

func refuse(code zkproto.Error, format string, args ...any) *ReconfigError {
	return &ReconfigError{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// Rules are the settings that bound a reconfiguration.
type Rules struct {
	// Standalone is the key standaloneEnabled: then at least two participants must remain.
	Standalone bool
	// MultiAddress is the key multiAddress.enabled: servers may have several addresses.
	MultiAddress bool
}

// Reconfigure computes what a reconfig request makes of the last configuration seen: its members replaced (NewMembers) or
// changed (Leaving, then Joining). Version is the zxid that the transaction will have.
//
// The error is a *ReconfigError: BADVERSION when the request names another version than the current one, else
// BADARGUMENTS. (The original answers MARSHALLINGERROR to numbers that are none and to observers without participants.)
// Whether the new configuration has a connected quorum is the leader's to say: zab.Node.Reconfigure.
func Reconfigure(current *Membership, r *zkproto.ReconfigRequest, version int64, rules Rules) (*Membership, error) {
	if r.CurConfigID != -1 && r.CurConfigID != current.Version {
		return nil, refuse(zkproto.ErrBadVersion, "it is for version %x, the current one is %x", uint64(r.CurConfigID), uint64(current.Version))
	}
	var next *Membership
	var err error
	if r.NewMembers != "" {
		next, err = replaceAll(r.NewMembers, version)
	} else {
		next, err = change(current, r, version)
	}
	if err != nil {
		return nil, err
	}
	voters := 0
	for _, m := range next.Members {
		if !m.Observer {
			voters++
		}
		if len(m.Addresses) > 1 && !rules.MultiAddress {
			return nil, refuse(zkproto.ErrBadArguments, "server %d has several addresses, and multiAddress.enabled is false", m.ID)
		}
	}
	switch {
	case voters < 2 && rules.Standalone:
		return nil, refuse(zkproto.ErrBadArguments,
			"the new configuration must have at least 2 participants, it has %d; fewer need standaloneEnabled=false", voters)
	case voters < 1:
		return nil, refuse(zkproto.ErrBadArguments, "the new configuration must have at least 1 participant")
	}
	return next, nil
}

func replaceAll(text string, version int64) (*Membership, error) {
	next, err := ParseMembership([]byte(strings.ReplaceAll(text, ",", "\n")))
	if err != nil {
		return nil, refuse(zkproto.ErrBadArguments, "%v", err)
	}
	return next.WithVersion(version), nil
}

func change(current *Membership, r *zkproto.ReconfigRequest, version int64) (*Membership, error) {
	if len(current.Groups) > 0 {
		return nil, refuse(zkproto.ErrBadArguments,
			"servers can be added and removed only where a majority decides; with groups give the whole new configuration")
	}
	members := slices.Clone(current.Members)
	without := func(id Sid) []Member {
		return slices.DeleteFunc(members, func(m Member) bool { return m.ID == id })
	}
	for _, s := range list(r.Leaving) {
		id, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, refuse(zkproto.ErrBadArguments, "cannot remove %q: it is no server id", s)
		}
		members = without(Sid(id))
	}
	// A copy of the table, as the original makes it: it may be smaller than that of a parsed text.
	table := 2
	for float64(table) < float64(len(current.Members))/0.75+1 {
		table *= 2
	}
	for _, s := range list(r.Joining) {
		m, err := parseJoiner(s)
		if err != nil {
			return nil, err
		}
		for _, other := range members {
			if a := m.conflict(other); a != "" && other.ID != m.ID {
				return nil, refuse(zkproto.ErrBadArguments, "address %s of server %d is that of server %d", a, m.ID, other.ID)
			}
		}
		members = append(without(m.ID), m)
	}
	next, err := newMembership(members, nil, nil, version, table)
	if err != nil {
		return nil, refuse(zkproto.ErrBadArguments, "%v", err)
	}
	return next, nil
}

func parseJoiner(s string) (Member, error) {
	key, value, ok := strings.Cut(s, "=")
	if !ok || strings.Contains(value, "=") {
		return Member{}, refuse(zkproto.ErrBadArguments, "cannot add %q: write server.N=host:port:port[:role];[host:]port", s)
	}
	key = strings.TrimSpace(key)
	id, err := strconv.ParseInt(key[strings.LastIndexByte(key, '.')+1:], 10, 64)
	if err != nil || id < 0 {
		return Member{}, refuse(zkproto.ErrBadArguments, "cannot add %q: %q does not end in a server id", s, key)
	}
	m, err := ParseMember(Sid(id), strings.TrimSpace(value))
	if err != nil {
		return Member{}, refuse(zkproto.ErrBadArguments, "cannot add %q: %v", s, err)
	}
	if m.ClientHost == "" {
		return Member{}, refuse(zkproto.ErrBadArguments, "cannot add %q: its client port is missing, write ;port at the end", s)
	}
	return m, nil
}

// list splits at commas and drops what is empty.
func list(s string) []string {
	var out []string
	for _, part := range strings.Split(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
