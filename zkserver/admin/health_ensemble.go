package admin

import (
	"fmt"
	"strings"
	"time"
)

// Serves tells whether clients are answered, and why or why not. It is a part of /readyz.
func (e *Ensemble) Serves(now time.Time) Check {
	c := Check{Name: "serving", OK: e.Serving}
	switch {
	case e.Serving && e.Role == ReadOnly:
		c.OK = false // most clients are better off elsewhere
		c.Reason = fmt.Sprintf("only reads of clients that allow it are answered: %s for %v", e.lookingWhy(), since(now, e.Since))
	case e.Serving:
		c.Reason = fmt.Sprintf("clients are served by this %s", e.Role.Mode())
	default:
		c.Reason = fmt.Sprintf("clients are not answered for %v: %s", since(now, e.Since), e.lookingWhy())
	}
	return c
}

// QuorumCheck tells whether this server belongs to a quorum that can decide writes. It is the answer of /quorumz.
func (e *Ensemble) QuorumCheck(now time.Time) Check {
	voters := len(e.Members.Voters())
	switch e.Role {
	case Leading:
		synced := e.learners(func(l *Learner) bool { return l.Synced && e.voter(l.ID) })
		if e.voter(e.ID) {
			synced++
		}
		c := Check{Name: "quorum", OK: e.Serving && e.HasQuorum}
		c.Reason = fmt.Sprintf("leader of epoch %d for %v, %d of %d voters are up to date%s", e.Epoch, since(now, e.Since), synced, voters, e.missing())
		if !e.Serving {
			c.Reason = e.lookingWhy() + ": " + c.Reason
		}
		return c
	case Following, Observing:
		c := Check{Name: "quorum", OK: e.Serving}
		what := e.Role.Mode()
		if e.Serving {
			c.Reason = fmt.Sprintf("%s of server %d in epoch %d for %v", what, e.Leader, e.Epoch, since(now, e.Since))
			if !e.Heard.IsZero() {
				c.Reason += fmt.Sprintf(", last heard of it %v ago", since(now, e.Heard))
			}
			return c
		}
		c.Reason = fmt.Sprintf("%s of server %d, in %s for %v: %s", what, e.Leader, e.Phase, since(now, e.Since), e.lookingWhy())
		return c
	}
	return Check{Name: "quorum", Reason: fmt.Sprintf("%s for %v (%d voters, %d needed)", e.lookingWhy(), since(now, e.Since), voters, voters/2+1)}
}

// missing names the voters that a leader does not have.
func (e *Ensemble) missing() string {
	has := map[string]bool{e.ID.String(): true}
	for i := range e.Learners {
		if e.Learners[i].Synced {
			has[e.Learners[i].ID.String()] = true
		}
	}
	var without []string
	for _, id := range e.Members.Voters() {
		if !has[id.String()] {
			without = append(without, id.String())
		}
	}
	if len(without) == 0 {
		return ""
	}
	return ", missing: " + strings.Join(without, ", ")
}

func (e *Ensemble) lookingWhy() string {
	switch {
	case e.Why != "":
		return e.Why
	case e.Role == Looking || e.Role == ReadOnly:
		return "looking for a leader"
	default:
		return "not up to date yet"
	}
}

func since(now, t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(0, now.Sub(t)).Round(time.Millisecond)
}
