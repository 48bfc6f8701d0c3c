package haadmin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
)

func (a *admin) failover(l line) (int, error) {
	if len(l.args) != 2 {
		return a.wrongCount("-failover", "incorrect arguments")
	}
	from, err := a.resolve(l.args[0])
	if err != nil {
		return failed, err
	}
	defer from.close()
	to, err := a.resolve(l.args[1])
	if err != nil {
		return failed, err
	}
	defer to.close()
	if from.auto {
		if l.has(forceFence) || l.has(forceActive) {
			a.complain("forcefence and forceactive flags not supported with auto-failover enabled.")
			return a.exit(exitRefused), nil
		}
		return a.askController(to)
	}
	m, err := a.newManual(from, to)
	if err == nil {
		err = m.failover(a.ctx, from, to, l.has(forceFence), l.has(forceActive))
	}
	var why *failure
	if errors.As(err, &why) {
		a.complain("Failover failed: " + why.Error())
		if from.Addr() == to.Addr() && from.ServiceID != to.ServiceID {
			a.hint(a.where(from), a.where(to))
		}
		return a.exit(why.code), nil
	}
	if err != nil {
		return failed, err
	}
	a.say("Failover from " + l.args[0] + " to " + l.args[1] + " successful")
	return 0, nil
}

// askController has the target's controller take over. It answers when its node is active.
func (a *admin) askController(to *node) (int, error) {
	z := target.NewZKFC(to.zkfc, rpcOptions())
	defer func() { _ = z.Close() }()
	ctx, cancel := context.WithTimeout(a.ctx, a.cfg.Failover.NewActiveDeadline+a.cfg.Failover.RPCDeadline)
	defer cancel()
	err := z.GracefulFailover(ctx)
	to.asked()
	if err != nil && a.cfg.Admin.VerifyFailover && unclear(err) {
		if a.becameActive(to, asJava(err, to.Host, to.ZKFCPort)) {
			err = nil
		}
	}
	if err != nil {
		return failed, asJava(err, to.Host, to.ZKFCPort)
	}
	a.say("Failover to " + to.String() + " successful")
	return 0, nil
}

// unclear tells whether a controller that gave this answer, or none, may yet carry the failover out. An original one whose
// partner is frozen answers that the partner has not, and takes over when the partner's session expires.
func unclear(err error) bool {
	var e *hadooprpc.Exception
	if errors.As(err, &e) {
		return strings.HasSuffix(e.Class, "SocketTimeoutException") || strings.HasSuffix(e.Class, "EOFException")
	}
	j := asJava(err, "", 0)
	return strings.HasSuffix(j.class, "SocketTimeoutException") || strings.HasSuffix(j.class, "EOFException")
}

// Between two looks at a node that may become active; and how much longer than a session it is looked at.
const (
	lookInterval = 200 * time.Millisecond
	lookGrace    = 5 * time.Second
)

// becameActive looks at to until the session of the controller that had to give way must have expired.
func (a *admin) becameActive(to *node, answer *javaError) bool {
	wait := a.cfg.Zookeeper.SessionTimeout + lookGrace
	a.hint(fmt.Sprintf("%s's controller gave no clear answer (%s); looking for %s whether its node becomes active", to.ServiceID, answer.class, wait))
	ctx, cancel := context.WithTimeout(a.ctx, wait)
	defer cancel()
	again := time.NewTicker(lookInterval)
	defer again.Stop()
	for {
		if st, err := to.asked().Status(ctx); err == nil && st.State == target.Active {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-again.C:
		}
	}
}
