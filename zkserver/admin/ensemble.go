package admin

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// Role is what a server of an ensemble is at the moment.
type Role uint8

// The roles. ReadOnly is a server that looks for a leader and meanwhile answers reads of clients that allow it
// (readonlymode.enabled).
const (
	Looking Role = iota
	Following
	Leading
	Observing
	ReadOnly
)

var roles = [...]struct{ mode, peer string }{
	Looking:   {"looking", "looking"}, // the original has no word for it: it does not answer meanwhile
	Following: {"follower", "following"},
	Leading:   {"leader", "leading"},
	Observing: {"observer", "observing"},
	ReadOnly:  {"read-only", "looking"},
}

// Mode is the word behind "Mode: " and zk_server_state.
func (r Role) Mode() string { return roles[r].mode }

// Ensemble is what a server of an ensemble knows of it. Fields that are not known are left zero, except where told.
type Ensemble struct {
	ID   quorum.Sid
	Role Role
	// Phase is election, discovery, synchronization or broadcast.
	Phase string
	// SyncMode is how a learner got its data from its leader: diff, trunc or snap; empty for others.
	SyncMode string
	// Serving is set while clients are answered.
	Serving bool
	// Since is when Role and Phase became what they are.
	Since time.Time
	// Why tells why clients are not served, in words; empty while they are.
	Why string

	// Leader is the server that leads, quorum.None while there is none.
	Leader quorum.Sid
	Epoch  uint32
	// Master is where an observer gets its data from: the leader, or a follower with an observer master port.
	Master quorum.Sid
	// Heard is when a learner last heard of its leader.
	Heard time.Time

	Members              config.Members
	InitLimit, SyncLimit int
	// ClientAddr is where this server listens for clients, as host:port.
	ClientAddr string

	// Learners are the connections of a leader to its learners, those of an observer master to its observers, by rising Sid.
	Learners []Learner
	// ObserverMaster is set on a follower that serves observers.
	ObserverMaster bool

	// What follows is of a leader.
	PendingSyncs int // of clients that wait for the answer to sync
	Outstanding  int // proposals not committed yet
	Proposals    ProposalSizes
	HasQuorum    bool // enough of the voters, this one included, follow
}

// ProposalSizes are bytes of proposals; -1 as long as there was none.
type ProposalSizes struct{ Last, Min, Max int64 }

// Learner is one server that gets its data from this one.
type Learner struct {
	ID       quorum.Sid
	Addr     string // host:port of the other end
	Observer bool
	// Synced is set once it has all data and gets every change: it counts for the quorum if it is a voter.
	Synced      bool
	SyncMode    string // diff, trunc or snap
	Established time.Time
	Heard       time.Time
	LastZxid    zkproto.Zxid // the last that it has acknowledged (observers: that was sent to it)
	// Queued is what waits to be sent to it, in packets and bytes.
	Queued, QueuedBytes int64
	// Received and Sent are packets; Requests those of its clients that it has forwarded.
	Received, Sent, Requests int64
}

func (l *Learner) json() object {
	return object{
		{"remote_socket_address", "/" + l.Addr},
		{"sid", int64(l.ID)},
		{"established", l.Established.UnixMilli()},
		{"queued_packets", l.Queued},
		{"queued_packets_size", l.QueuedBytes},
		{"packets_received", l.Received},
		{"packets_sent", l.Sent},
		{"requests", l.Requests},
		{"last_zxid", int64(l.LastZxid)},
	}
}

// learners counts those with a property.
func (e *Ensemble) learners(has func(*Learner) bool) (n int) {
	for i := range e.Learners {
		if has(&e.Learners[i]) {
			n++
		}
	}
	return n
}

func (e *Ensemble) syncedFollowers() int {
	return e.learners(func(l *Learner) bool { return l.Synced && !l.Observer })
}

func (e *Ensemble) syncedObservers() int {
	return e.learners(func(l *Learner) bool { return l.Synced && l.Observer })
}

// nonVotingFollowers follow without being voters of the present membership, as one does that is about to be added.
func (e *Ensemble) nonVotingFollowers() int {
	return e.learners(func(l *Learner) bool { return l.Synced && !l.Observer && !e.voter(l.ID) })
}

// voter tells whether a server has a vote.
func (e *Ensemble) voter(id quorum.Sid) bool {
	s := e.Members.Server(id)
	return s != nil && !s.Observer
}

// quorumServer tells whether the server shows itself as one of an ensemble. The original does not while it is read-only.
func (st *Status) quorumServer() bool { return st.Ensemble != nil && st.Ensemble.Role != ReadOnly }

// leading tells whether the server leads.
func (st *Status) leading() bool { return st.Ensemble != nil && st.Ensemble.Role == Leading }

// readOnly tells whether only reads are answered.
func (st *Status) readOnly() bool { return st.Ensemble != nil && st.Ensemble.Role == ReadOnly }

// mode is the word behind "Mode: ".
func (st *Status) mode() string {
	if st.Ensemble == nil {
		return "standalone"
	}
	return st.Ensemble.Role.Mode()
}

// serverID is what conf and configuration call it.
func (st *Status) serverID() quorum.Sid {
	if st.Ensemble == nil {
		return 0
	}
	return st.Ensemble.ID
}

// peerState is the original's line peer_state, such as "following - synchronization - diff" and then "following - broadcast".
func (e *Ensemble) peerState() string {
	s := roles[e.Role].peer
	if e.Phase != "" && e.Phase != "election" {
		s += " - " + e.Phase
	}
	if e.SyncMode != "" && e.Phase != "broadcast" { // the original forgets it when it has acknowledged NEWLEADER
		s += " - " + e.SyncMode
	}
	return s
}

// ports are the ports of a server's addresses, as conf prints them.
func ports(s *config.Server, port func(config.Address) int) string {
	if s == nil {
		return ""
	}
	var out []string
	for _, a := range s.Addresses {
		out = append(out, strconv.Itoa(port(a)))
	}
	return strings.Join(out, "|")
}

// conf are the lines of the word conf that only servers of an ensemble have.
func (e *Ensemble) conf() string {
	var b strings.Builder
	self := e.Members.Server(e.ID)
	peerType := 0
	if self != nil && self.Observer {
		peerType = 1
	}
	fmt.Fprintf(&b, "initLimit=%d\nsyncLimit=%d\nelectionAlg=3\n", e.InitLimit, e.SyncLimit)
	fmt.Fprintf(&b, "electionPort=%s\nquorumPort=%s\npeerType=%d\n", ports(self, func(a config.Address) int { return a.ElectionPort }),
		ports(self, func(a config.Address) int { return a.QuorumPort }), peerType)
	if e.Role != ReadOnly {
		fmt.Fprintf(&b, "membership: \n%s", e.Members.Text())
	}
	return b.String()
}

// hosts are the names or addresses of a server, as the command leader prints them.
func (e *Ensemble) hosts(id quorum.Sid) string {
	s := e.Members.Server(id)
	if s == nil {
		return ""
	}
	var out []string
	for _, a := range s.Addresses {
		out = append(out, a.Host)
	}
	return strings.Join(out, "|")
}

// leader is the answer of the command of that name.
func (h *HTTP) leader() object {
	st := h.src.Status(false)
	if !st.quorumServer() { // what a standalone original says, and one that is read-only
		return object{{"error", "server is not initialized"}}
	}
	e := st.Ensemble
	return object{{"is_leader", e.Role == Leading}, {"leader_id", int64(e.Leader)}, {"leader_ip", e.hosts(e.Leader)}}
}

// observers is the answer of the command of that name.
func (h *HTTP) observers() object {
	st := h.src.Status(false)
	list := []object{}
	if st.Ensemble == nil {
		return object{{"synced_observers", 0}, {"observers", list}}
	}
	e := st.Ensemble
	for i := range e.Learners {
		if e.Learners[i].Observer && e.Learners[i].Synced {
			list = append(list, e.Learners[i].json())
		}
	}
	return object{{"synced_observers", len(list)}, {"observers", list}}
}

// learnersView is the answer of learners, a command that the original does not have: observers, but of all learners.
func (h *HTTP) learnersView() object {
	st := h.src.Status(false)
	list := []object{}
	if e := st.Ensemble; e != nil {
		for i := range e.Learners {
			l := &e.Learners[i]
			typ := "participant"
			if l.Observer {
				typ = "observer"
			}
			list = append(list, append(l.json(), field{"learner_type", typ}, field{"synced", l.Synced}, field{"sync_mode", l.SyncMode},
				field{"last_heard", l.Heard.UnixMilli()}, field{"behind", behind(st.LastZxid, l.LastZxid)}))
		}
	}
	return object{{"learners", list}}
}

// behind is how many transactions a learner lacks, null when that cannot be told.
func behind(last, learner zkproto.Zxid) any {
	if learner > last || learner.Epoch() != last.Epoch() {
		return nil
	}
	return int64(last - learner)
}

// votingView is the answer of the command of that name.
func (h *HTTP) votingView() object {
	st := h.src.Status(false)
	view := object{}
	if st.quorumServer() {
		e := st.Ensemble
		for i := range e.Members.Servers {
			s := &e.Members.Servers[i]
			if s.Observer {
				continue
			}
			client := s.Client()
			if s.ID == e.ID && client == "" {
				client = e.ClientAddr
			}
			view = append(view, field{s.ID.String(), object{
				{"server_addresses", addresses(s, config.Address.Quorum)},
				{"election_addresses", addresses(s, config.Address.Election)},
				{"client_address", client},
				{"learner_type", "participant"},
			}})
		}
	}
	return object{{"current_config", view}}
}

func addresses(s *config.Server, address func(config.Address) string) []string {
	out := []string{}
	if s != nil {
		for _, a := range s.Addresses {
			out = append(out, address(a))
		}
	}
	return out
}

// addressBean is how the original's JSON shows the addresses of a server. It asks which of them answer; here all count as
// reachable, since the connections themselves try one after the other.
func addressBean(list []string) object {
	hosts, wildcards, portNumbers, one := []string{}, []string{}, []int{}, ""
	for _, a := range list {
		host, port, _ := net.SplitHostPort(a)
		n, _ := strconv.Atoi(port)
		hosts, portNumbers, wildcards = append(hosts, host), append(portNumbers, n), append(wildcards, "0.0.0.0:"+port)
	}
	if len(list) > 0 {
		one = list[0]
	}
	return object{
		{"empty", len(list) == 0},
		{"all_addresses", list},
		{"wildcard_addresses", wildcards},
		{"all_ports", portNumbers},
		{"all_host_strings", hosts},
		{"reachable_address", one},
		{"all_reachable_addresses", list},
		{"all_reachable_addresses_or_all", list},
		{"reachable_or_one", one},
		{"one", one},
	}
}

// zabState is the answer of the command of that name. Unlike the original it tells of an election, too.
func (h *HTTP) zabState() object {
	st := h.src.Status(false)
	if !st.quorumServer() {
		return object{{"voting", false}, {"zabstate", ""}}
	}
	e := st.Ensemble
	self := e.Members.Server(e.ID)
	return object{
		{"myid", int64(e.ID)},
		{"is_leader", e.Role == Leading},
		{"quorum_address", addressBean(addresses(self, config.Address.Quorum))},
		{"election_address", addressBean(addresses(self, config.Address.Election))},
		{"client_address", e.ClientAddr},
		{"voting", e.voter(e.ID)},
		{"last_zxid", st.LastZxid.String()},
		{"zab_epoch", int64(st.LastZxid.Epoch())},
		{"zab_counter", int64(st.LastZxid.Counter())},
		{"zabstate", e.Phase},
	}
}
