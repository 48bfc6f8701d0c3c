package zkserver

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// hintReach tells the election, while there is one, which servers cannot be reached: it does not wait for their votes.
func (s *Server) hintReach() {
	c := &s.core
	if c.replica.Node().Status().Role != zab.Looking {
		return
	}
	for _, v := range s.peers.Status().Voters {
		s.hintSilent(v.ID, v.Silent)
		away := v.Known && !v.Connected && v.LastError != ""
		if c.away[v.ID] == away {
			continue
		}
		if c.away == nil {
			c.away = map[zab.Sid]bool{}
		}
		c.away[v.ID] = away
		c.replica.Unreachable(v.ID, away)
	}
}

// hintSilent tells the election whether a server can be heard at most: it is not voted for then.
func (s *Server) hintSilent(sid zab.Sid, silent bool) {
	c := &s.core
	if c.silent[sid] == silent {
		return
	}
	if c.silent == nil {
		c.silent = map[zab.Sid]bool{}
	}
	c.silent[sid] = silent
	c.replica.Silent(sid, silent)
}

// standBack takes the weight from this server's vote for itself while its ports cannot be opened: nobody could follow it, and while it
// has the best vote nobody else would be elected. Others still hear of it, and it can follow. Its own election knows better: it
// votes for no server that has less than it has. (ZOOKEEPER-3320)
func (s *Server) standBack(msgs []zab.Message) {
	for i := range msgs {
		v := msgs[i].Vote
		if msgs[i].Type != zab.Notification || v == nil || v.State != zab.Looking || v.Vote.Leader != s.cfg.MyID {
			continue
		}
		if _, ok := s.electable(); !ok {
			weak := *v
			weak.Vote.PeerEpoch = -1 // less than anybody's
			msgs[i].Vote = &weak
		}
	}
}

// oracleInterval is how often the oracle's file is read.
const oracleInterval = 200 * time.Millisecond

// watchOracle asks the oracle of two servers again and again. A file that is not there, or cannot be read, says no.
//
// Source: QuorumOracleMaj.askOracle of the original.
func (s *Server) watchOracle() {
	ticker := s.clock.NewTicker(oracleInterval)
	defer ticker.Stop()
	said, warned := false, false
	for {
		yes, err := s.askOracle()
		if err != nil && !warned {
			s.log.Warn("the oracle cannot be asked; that counts as no", zap.String("path", s.cfg.OraclePath), zap.Error(err))
		}
		warned = err != nil
		if yes != said {
			said = yes
			s.log.Info("the oracle says whether this server may go on alone", zap.Bool("alone", yes))
			s.onCore(func() { s.core.replica.SetOracle(yes) })
			s.wakeCore()
		}
		select {
		case <-ticker.C():
		case <-s.quit:
			return
		case <-s.failed:
			return
		}
	}
}

func (s *Server) askOracle() (yes bool, err error) {
	f, err := s.fs.Open(s.cfg.OraclePath)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }() // opened for reading
	text, err := io.ReadAll(io.LimitReader(f, 16))
	return err == nil && strings.HasPrefix(string(text), "1"), err
}
