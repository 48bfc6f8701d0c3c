package sim

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/replica"
	"github.com/holdfast-ha/holdfast/zkserver/store"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// The dynamic configuration of a server: what is in force, and what is proposed.
const (
	activeFile = dir + "/members"
	nextFile   = dir + "/members.next"
)

// memberLine is the server line of a server. Addresses mean nothing here: the network goes by ids.
func memberLine(id zab.Sid, observer bool) string {
	role := "participant"
	if observer {
		role = "observer"
	}
	return fmt.Sprintf("server.%d=h%d:2888:3888:%s;2181", id, id, role)
}

// makeMembers is the configuration that an ensemble begins with. Not all servers need to be in it.
func (w *World) makeMembers() {
	p := &w.plan
	outside := w.rng.IntN(3)
	var lines []string
	var voters []zab.Sid
	for i := range p.voters + p.observers {
		if i >= 3 && outside > 0 {
			outside--
			continue
		}
		lines = append(lines, memberLine(zab.Sid(i+1), i >= p.voters))
		if i < p.voters {
			voters = append(voters, zab.Sid(i+1))
		}
	}
	if w.opt.Groups {
		lines = append(lines, w.groupLines(voters)...)
	}
	var err error
	if p.members, err = quorum.ParseMembership([]byte(strings.Join(append(lines, "version=0"), "\n"))); err != nil {
		w.failf("%v", err)
	}
}

// configure completes the settings of a core with the configuration on the server's disk.
func (s *server) configure(cfg *zab.Config) error {
	if s.w.plan.members == nil {
		return nil
	}
	active, err := s.readMembers(activeFile)
	if err != nil {
		return err
	}
	if active == nil {
		active = s.w.plan.members
	}
	next, err := s.readMembers(nextFile)
	if err != nil {
		return err
	}
	own, _ := active.Member(s.id)
	cfg.Quorum, cfg.Active, cfg.LastSeen, cfg.Observer = nil, active, next, own.Observer
	cfg.ReconfigEnabled, cfg.Membership = true, replica.PeekMembership
	return nil
}

func (s *server) readMembers(name string) (*quorum.Membership, error) {
	f, err := s.disk.fs.Open(filepath.FromSlash(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // no file is one of the answers
	}
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	if err = f.Close(); err != nil {
		return nil, err
	}
	return quorum.ParseMembership(text)
}

// saveMembers is the duty that comes with ActiveConfig, SeenConfig and HeardConfig.
func (s *server) saveMembers(r *zab.Ready) {
	if r.ActiveConfig != nil || r.SeenConfig != nil || r.HeardConfig != nil {
		s.heard = r.HeardConfig
	}
	if r.ActiveConfig == nil && r.SeenConfig == nil {
		return
	}
	var err error
	if m := r.ActiveConfig; m != nil {
		s.w.tracef("%s: configuration %s", s, strings.ReplaceAll(m.String(), "\n", " "))
		if err = store.WriteFile(s.disk.fs, filepath.FromSlash(activeFile), m.File(true)); err == nil {
			err = s.dropNext()
		}
	}
	if m := r.SeenConfig; m != nil && err == nil {
		s.w.tracef("%s: proposed configuration %s", s, strings.ReplaceAll(m.String(), "\n", " "))
		if m.Version > s.machine.node().Active().Version {
			err = store.WriteFile(s.disk.fs, filepath.FromSlash(nextFile), m.File(true))
		} else {
			err = s.dropNext()
		}
	}
	if err != nil {
		s.fail(err)
	}
}

// finds tells whether a server has an address of another's quorum port.
func (s *server) finds(id zab.Sid) bool {
	if s.w.plan.members == nil {
		return true
	}
	n := s.machine.node()
	for _, m := range []*quorum.Membership{n.Active(), n.LastSeen(), s.heard} {
		if m != nil {
			if _, ok := m.Member(id); ok {
				return true
			}
		}
	}
	return false
}

func (s *server) dropNext() error {
	err := s.disk.fs.Remove(filepath.FromSlash(nextFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = s.disk.fs.SyncDir(dir)
	}
	return err
}

// reconfigure asks the leader for another configuration.
func (b *bare) reconfigure(z zab.Zxid) zkproto.Txn {
	w := b.s.w
	q := w.change(b.n.Active())
	m, err := b.n.Reconfigure(&q, z)
	if err != nil {
		w.tracef("%s refuses to reconfigure: %v", b.s, err)
		return nil
	}
	w.fault("%s proposes %s: leaving %q joining %q %s", b.s, z, q.Leaving, q.Joining, q.NewMembers)
	return &zkproto.SetDataTxn{Path: "/zookeeper/config", Data: m.Data()}
}

// reconfigure is what an administrator asks whichever server the client is connected to, by what the leader goes by.
func (c *client) reconfigure() {
	w := c.w
	l := w.leader()
	if l == nil {
		return
	}
	q := w.change(l.machine.node().Active())
	w.fault("%s asks %s: leaving %q joining %q %s", c, c.seat.s, q.Leaving, q.Joining, q.NewMembers)
	c.send(zkproto.OpReconfig, q.AppendTo(nil), &asked{path: "/zookeeper/config", op1: -1})
}

// change is another configuration than the one in force: a server leaves, joins or changes its role.
func (w *World) change(active *quorum.Membership) zkproto.ReconfigRequest {
	id := w.servers[w.rng.IntN(len(w.servers))].id
	q := zkproto.ReconfigRequest{CurConfigID: -1}
	if _, member := active.Member(id); member && w.rng.IntN(2) == 0 {
		q.Leaving = fmt.Sprint(id)
	} else {
		q.Joining = memberLine(id, w.rng.IntN(4) == 0)
	}
	if w.opt.Groups {
		q = zkproto.ReconfigRequest{CurConfigID: -1, NewMembers: w.newGroups(active, id, q.Joining)}
	}
	return q
}

// newGroups is the whole of another configuration, as changes of groups have to be: one server leaves, or joins with the line
// given, and the groups stay as they are or are made anew.
func (w *World) newGroups(active *quorum.Membership, id zab.Sid, joins string) string {
	var lines []string
	var voters []zab.Sid
	for _, m := range active.Members {
		if m.ID == id {
			continue
		}
		lines = append(lines, memberLine(m.ID, m.Observer))
		if !m.Observer {
			voters = append(voters, m.ID)
		}
	}
	if joins != "" {
		lines = append(lines, joins)
		if !strings.Contains(joins, "observer") {
			voters = append(voters, id)
		}
	}
	if w.rng.IntN(2) == 0 {
		lines = append(lines, w.keptGroups(active, voters)...)
	} else {
		lines = append(lines, w.groupLines(voters)...)
	}
	return strings.Join(lines, ",")
}

// members are the servers that must come back when all faults are over: all, or those in the leader's configuration.
func (w *World) members() []*server {
	l := w.leader()
	if w.plan.members == nil || l == nil {
		return slices.DeleteFunc(slices.Clone(w.servers), func(s *server) bool { return s.buried })
	}
	var list []*server
	for _, m := range l.machine.node().Active().Members {
		list = append(list, w.server(m.ID))
	}
	return list
}
