// Package quorum answers one question: is this set of servers enough to decide for the ensemble?
//
// Any two sets a Verifier accepts share at least one server: that, and nothing else, is what the election and Zab build
// on. There are these kinds of Verifier:
//
//	Majority       more than half of the voters
//	Hierarchical   more than half of the groups (those of weight zero do not count), and in each of these groups more
//	               than half of the group's weight; Weighted is the same with a single group
//	Joint          two verifiers at once, while membership changes from one to the other
//	Guests         one verifier that knows of servers whose votes do not count by it
//
// A Membership is one configuration of an ensemble: its servers, where they are, and the Verifier that follows. Reconfigure
// computes the next one.
//
// The package is pure: no I/O, clock or goroutine, and nothing here depends on map order. The rules are those of
// QuorumMaj and QuorumHierarchical of Apache ZooKeeper 3.9 (keys server.N, group.N, weight.N of zoo.cfg).
package quorum

import "strconv"

// Sid is a server id: the N of server.N in zoo.cfg and the content of myid. Servers are 0 to 255 in practice; the wire
// carries 64 bits, and observers vote for the smallest of them, which is nobody.
type Sid int64

// None is no server: the leader while there is none.
const None Sid = -1

// String prints the id in decimal.
func (s Sid) String() string { return strconv.FormatInt(int64(s), 10) }

// MaxVoters is how many voters a Verifier can have.
const MaxVoters = 256

// Verifier tells which sets of voters are quorums. It never changes once made, so it may be shared.
type Verifier interface {
	// Voters are the servers with a vote, ascending. The slice belongs to the verifier: do not change it.
	Voters() []Sid
	// Weight of a server's vote; 0 for servers without one. A voter of weight 0 is asked and counted for nothing, and
	// cannot become leader.
	Weight(Sid) int64
	// Contains tells whether the set, by places in Voters, includes a quorum.
	Contains(Set) bool
}

// Set is a set of voters of one Verifier, by their places in Voters(). The zero value is empty.
type Set [MaxVoters / 64]uint64

// Add puts the voter at place i in the set. Places outside 0 to MaxVoters-1 are ignored.
func (s *Set) Add(i int) {
	if i >= 0 && i < MaxVoters {
		s[i>>6] |= 1 << (i & 63)
	}
}

// Has tells whether the voter at place i is in the set.
func (s *Set) Has(i int) bool {
	return i >= 0 && i < MaxVoters && s[i>>6]&(1<<(i&63)) != 0
}

// Index is the place of sid in v.Voters(), or -1.
func Index(v Verifier, sid Sid) int {
	for i, s := range v.Voters() {
		if s == sid {
			return i
		}
	}
	return -1
}

// Of makes the Set of the given servers; those that are no voters are left out.
func Of(v Verifier, sids ...Sid) Set {
	var s Set
	for _, sid := range sids {
		s.Add(Index(v, sid))
	}
	return s
}

// IsSole tells whether sid decides alone: it is the only server with a vote and its vote is enough.
func IsSole(v Verifier, sid Sid) bool {
	voters := v.Voters()
	return len(voters) == 1 && voters[0] == sid && v.Contains(Of(v, sid))
}

// Highest is the highest value that a quorum has reached, where reached holds each voter's value in the order of
// v.Voters(); 0 if there is none. With each voter's last acknowledged zxid in it, the result is what is committed.
// It allocates nothing.
func Highest(v Verifier, reached []int64) int64 {
	if len(reached) == 1 {
		var s Set
		s.Add(0)
		if !v.Contains(s) {
			return 0
		}
		return reached[0]
	}
	var best int64
	for _, candidate := range reached {
		if candidate <= best {
			continue
		}
		var s Set
		for j, r := range reached {
			if r >= candidate {
				s.Add(j)
			}
		}
		if v.Contains(s) {
			best = candidate
		}
	}
	return best
}
