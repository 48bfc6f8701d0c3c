package haadmin

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/failover/target"
)

// illegalArgument is Java's IllegalArgumentException, and how to mend it.
type illegalArgument struct {
	text  string
	hints []string
}

func (i illegalArgument) Error() string { return i.text }

// query is how long one question may take.
func (a *admin) query() (context.Context, context.CancelFunc) {
	return context.WithTimeout(a.ctx, a.cfg.Failover.RPCDeadline)
}

// one is the only argument of a command, as a node.
func (a *admin) one(name string, l line) (n *node, code int, err error) {
	if len(l.args) != 1 {
		code, err = a.wrongCount(name, "incorrect number of arguments")
		return nil, code, err
	}
	n, err = a.resolve(l.args[0])
	return n, failed, err
}

func (a *admin) getServiceState(l line) (int, error) {
	n, code, err := a.one("-getServiceState", l)
	if n == nil {
		return code, err
	}
	defer n.close()
	ctx, cancel := a.query()
	defer cancel()
	st, err := n.asked().Status(ctx)
	if err != nil {
		return failed, a.noAnswer(n, err)
	}
	a.say(st.State.String())
	return 0, nil
}

// getAllServiceState asks all nodes at once. One that does not answer is a failure, unless admin.failWhenDown is false: then
// it is none, as in the original.
func (a *admin) getAllServiceState(line) (int, error) {
	nodes, wrong := a.all()
	if len(nodes) == 0 && wrong != nil {
		return failed, wrong
	}
	if len(nodes) == 0 {
		a.complain("Failed to get service IDs")
		a.hint(a.known())
		return a.exit(exitConfig), nil
	}
	states := make([]string, len(nodes))
	down := make([]bool, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() {
			defer n.close()
			ctx, cancel := a.query()
			defer cancel()
			if st, err := n.asked().Status(ctx); err != nil {
				down[i] = true
				states[i] = "Failed to connect: " + asJava(err, n.Host, n.Port).Error()
			} else {
				states[i] = st.State.String()
			}
		})
	}
	wg.Wait()
	for i, n := range nodes {
		a.say(fmt.Sprintf("%-50s %-10s", fmt.Sprintf("%s:%d", n.Host, n.Port), states[i]))
	}
	if wrong != nil {
		return failed, wrong
	}
	if a.cfg.Admin.FailWhenDown && slices.Contains(down, true) {
		return a.exit(exitNoAnswer), nil
	}
	return 0, nil
}

func (a *admin) checkHealth(l line) (int, error) {
	n, code, err := a.one("-checkHealth", l)
	if n == nil {
		return code, err
	}
	defer n.close()
	ctx, cancel := a.query()
	defer cancel()
	switch err := n.asked().MonitorHealth(ctx); {
	case err == nil:
		return 0, nil
	case isUnhealthy(err):
		a.complain("Health check failed: " + asJava(err, n.Host, n.Port).Error())
		return a.exit(exitUnhealthy), nil
	default:
		return failed, a.noAnswer(n, err)
	}
}

// mayManage tells whether the state of n may be changed by hand, and says why not.
func (a *admin) mayManage(n *node) bool {
	if !n.auto {
		return true
	}
	if a.source != target.RequestByUserForced {
		a.complain("Automatic failover is enabled for " + n.String() + "\n" +
			"Refusing to manually manage HA state, since it may cause\n" +
			"a split-brain scenario or other incorrect state.\n" +
			"If you are very sure you know what you are doing, please \n" +
			"specify the --forcemanual flag.")
		return false
	}
	a.log.Named("HAAdmin").Warn("Proceeding with manual HA state management even though\nautomatic failover is enabled for " + n.String())
	return true
}

func (a *admin) transitionToActive(l line) (int, error) {
	if len(l.args) != 1 {
		return a.wrongCount("-transitionToActive", "incorrect number of arguments")
	}
	if !l.has(forceActive) {
		if code, err := a.othersAreNotActive(l.args[0]); code != 0 || err != nil {
			return code, err
		}
	}
	return a.transition("-transitionToActive", l, func(ctx context.Context, n *node) error {
		return n.asked().TransitionToActive(ctx, a.source)
	})
}

func (a *admin) transitionToStandby(l line) (int, error) {
	return a.transition("-transitionToStandby", l, func(ctx context.Context, n *node) error {
		return n.asked().TransitionToStandby(ctx, a.source)
	})
}

func (a *admin) transitionToObserver(l line) (int, error) {
	return a.transition("-transitionToObserver", l, func(ctx context.Context, n *node) error {
		return n.asked().TransitionToObserver(ctx, a.source)
	})
}

// transition asks one node to change its state, if that may be done by hand. It has the time of a promotion, since a step down
// may have to wait for what is under way.
func (a *admin) transition(name string, l line, do func(ctx context.Context, n *node) error) (int, error) {
	n, code, err := a.one(name, l)
	if n == nil {
		return code, err
	}
	defer n.close()
	if !a.mayManage(n) {
		return a.exit(exitRefused), nil
	}
	ctx, cancel := context.WithTimeout(a.ctx, a.cfg.Failover.NewActiveDeadline)
	defer cancel()
	switch err := do(ctx, n); {
	case err == nil:
		return 0, nil
	case isServiceFailed(err) && name == "-transitionToObserver":
		a.complain("transitionToObserver failed! " + asJava(err, n.Host, n.Port).Error())
		return a.exit(exitRefused), nil
	default:
		return failed, a.noAnswer(n, err)
	}
}

// othersDeadline is how long another node has for saying that it is not active; the original's.
const othersDeadline = 5 * time.Second

// othersAreNotActive asks every other node of the nameservice. One that does not answer may be active.
func (a *admin) othersAreNotActive(id string) (code int, err error) {
	ids, err := a.ids()
	if err != nil {
		return failed, err
	}
	for _, other := range ids {
		if other == id {
			continue
		}
		n, err := a.resolve(other)
		if err != nil {
			return failed, err
		}
		if !a.mayManage(n) {
			n.close()
			return a.exit(exitRefused), nil
		}
		ctx, cancel := context.WithTimeout(a.ctx, min(othersDeadline, a.cfg.Failover.RPCDeadline))
		st, err := n.asked().Status(ctx)
		cancel()
		n.close()
		if err != nil {
			a.refusal("Unexpected error occurred  " + asJava(err, n.Host, n.Port).Error())
			return a.exit(exitNoAnswer), nil
		}
		if st.State == target.Active {
			a.refusal("transitionToActive: Node " + other + " is already active")
			return a.exit(exitRefused), nil
		}
	}
	return 0, nil
}

// refusal says why nothing is done.
func (a *admin) refusal(text string) {
	a.complain(text)
	a.complain(find("-transitionToActive").usage())
}
