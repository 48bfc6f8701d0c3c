package haadmin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/fencing"
	"github.com/holdfast-ha/holdfast/internal/haconfig"
)

// illegalArgument is Java's IllegalArgumentException.
type illegalArgument string

func (i illegalArgument) Error() string { return string(i) }

// node is a resolved service id. It holds connections until close.
type node struct {
	target.Identity
	auto bool
	zkfc string // where its controller is dialled
	svc  *target.Hadoop
}

func (n *node) close() { _ = n.svc.Close() }

// String is the original's name of a target.
func (n *node) String() string {
	return "NameNode at " + fencing.JavaAddress(context.Background(), n.Host, n.Port)
}

// rpcOptions mark our calls as the original marks them.
func rpcOptions() target.HadoopOptions { return target.HadoopOptions{CallerContext: "CLI"} }

func (a *admin) config() (*haconfig.Config, error) {
	if a.cfg == nil {
		cfg, err := haconfig.Load(a.opts)
		if err != nil {
			return nil, err
		}
		a.cfg = cfg
	}
	return a.cfg, nil
}

// nameservice is the one that the command is about; ok is false when there is none of that name.
func (a *admin) nameservice() (haconfig.Nameservice, bool, error) {
	cfg, err := a.config()
	if err != nil {
		return haconfig.Nameservice{}, false, err
	}
	id, key := a.ns, "nameservices"
	switch {
	case cfg.Hadoop != nil: // dfs.nameservice.id is for zkfc: haadmin run anywhere must mean the same
		key = "dfs.nameservices"
	case id == "":
		id = cfg.Nameservice
	}
	if id != "" {
		if ns, ok := cfg.Find(id); ok {
			return ns, true, nil
		}
		return a.resourceManagers(id)
	}
	if len(cfg.Nameservices) > 1 {
		ids := make([]string, len(cfg.Nameservices))
		for i, ns := range cfg.Nameservices {
			ids[i] = ns.ID
		}
		return haconfig.Nameservice{}, false, illegalArgument("Unable to determine the name service ID. This is an HA configuration with " +
			"multiple name services configured. " + key + " is set to [" + strings.Join(ids, ", ") + "]. Please re-run with the -ns option.")
	}
	return cfg.Nameservices[0], true, nil
}

// resourceManagers are those of the YARN cluster of that id.
func (a *admin) resourceManagers(id string) (haconfig.Nameservice, bool, error) {
	ns, ok, err := a.cfg.ResourceManagers()
	if err != nil || !ok || ns.ID != id {
		return haconfig.Nameservice{}, false, err
	}
	return ns, true, nil
}

// onlyRead tells whether c would change a YARN cluster, and says that this is not done here.
func (a *admin) onlyRead(c *command) bool {
	if a.ns == "" || !c.changes() {
		return false
	}
	cfg, err := a.config()
	if err != nil || cfg.Hadoop == nil {
		return false // c says what is wrong
	}
	if _, isHDFS := cfg.Find(a.ns); isHDFS {
		return false
	}
	if _, ok, err := a.resourceManagers(a.ns); err != nil || !ok {
		return false
	}
	a.complain(c.name[1:] + ": " + a.ns + " is a YARN cluster: its ResourceManagers elect by themselves, and only their states are " +
		"read here; use yarn rmadmin")
	return true
}

// resolve is the node with that id. The caller closes it.
func (a *admin) resolve(id string) (*node, error) {
	ns, _, err := a.nameservice()
	if err != nil {
		return nil, err
	}
	n, ok := ns.Find(id)
	if !ok {
		return nil, illegalArgument("Unable to determine service address for namenode '" + id + "'")
	}
	return connect(ns, n), nil
}

func connect(ns haconfig.Nameservice, n haconfig.Node) *node {
	return &node{
		Identity: n.Identity(ns.ID), auto: ns.AutomaticFailover, zkfc: n.ZKFCAddr(), svc: target.NewHadoop(n.Addr(), rpcOptions()),
	}
}

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
	st, err := n.svc.Status(ctx)
	if err != nil {
		return failed, asJava(err, n.Host, n.Port)
	}
	a.say(st.State.String())
	return 0, nil
}

// getAllServiceState asks all nodes at once. As in the original, one that does not answer is no failure, unless
// admin.failWhenDown is set.
func (a *admin) getAllServiceState(line) (int, error) {
	ns, ok, err := a.nameservice()
	if err != nil {
		return failed, err
	}
	if !ok {
		a.complain("Failed to get service IDs")
		return failed, nil
	}
	states := make([]string, len(ns.Nodes))
	down := make([]bool, len(ns.Nodes))
	var wg sync.WaitGroup
	for i, hn := range ns.Nodes {
		wg.Go(func() {
			n := connect(ns, hn)
			defer n.close()
			ctx, cancel := a.query()
			defer cancel()
			if st, err := n.svc.Status(ctx); err != nil {
				down[i] = true
				states[i] = "Failed to connect: " + asJava(err, n.Host, n.Port).Error()
			} else {
				states[i] = st.State.String()
			}
		})
	}
	wg.Wait()
	for i, hn := range ns.Nodes {
		a.say(fmt.Sprintf("%-50s %-10s", fmt.Sprintf("%s:%d", hn.Host, hn.RPCPort), states[i]))
	}
	if a.cfg.Admin.FailWhenDown && slices.Contains(down, true) {
		return failed, nil
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
	switch err := n.svc.MonitorHealth(ctx); {
	case err == nil:
		return 0, nil
	case isUnhealthy(err):
		a.complain("Health check failed: " + asJava(err, n.Host, n.Port).Error())
		return failed, nil
	default:
		return failed, asJava(err, n.Host, n.Port)
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
		if ok, err := a.othersAreNotActive(l.args[0]); !ok || err != nil {
			return failed, err
		}
	}
	n, err := a.resolve(l.args[0])
	if err != nil {
		return failed, err
	}
	defer n.close()
	if !a.mayManage(n) {
		return failed, nil
	}
	ctx, cancel := context.WithTimeout(a.ctx, a.cfg.Failover.NewActiveDeadline)
	defer cancel()
	if err := n.svc.TransitionToActive(ctx, a.source); err != nil {
		return failed, asJava(err, n.Host, n.Port)
	}
	return 0, nil
}

// othersAreNotActive asks every other node of the nameservice. One that does not answer may be active.
func (a *admin) othersAreNotActive(id string) (bool, error) {
	ns, _, err := a.nameservice()
	if err != nil {
		return false, err
	}
	refuse := func(text string) (bool, error) {
		a.refusal(text)
		return false, nil
	}
	for _, hn := range ns.Nodes {
		if hn.ID == id {
			continue
		}
		n, err := a.resolve(hn.ID)
		if err != nil {
			return false, err
		}
		if !a.mayManage(n) {
			n.close()
			return false, nil
		}
		ctx, cancel := a.query()
		st, err := n.svc.Status(ctx)
		cancel()
		n.close()
		if err != nil {
			return refuse("Unexpected error occurred  " + asJava(err, n.Host, n.Port).Error())
		}
		if st.State == target.Active {
			return refuse("transitionToActive: Node " + hn.ID + " is already active")
		}
	}
	return true, nil
}

// refusal says why nothing is done.
func (a *admin) refusal(text string) {
	a.complain(text)
	a.complain(find("-transitionToActive").usage())
}

func (a *admin) transitionToStandby(l line) (int, error) {
	n, code, err := a.one("-transitionToStandby", l)
	if n == nil {
		return code, err
	}
	defer n.close()
	if !a.mayManage(n) {
		return failed, nil
	}
	ctx, cancel := a.query()
	defer cancel()
	if err := n.svc.TransitionToStandby(ctx, a.source); err != nil {
		return failed, asJava(err, n.Host, n.Port)
	}
	return 0, nil
}

func (a *admin) transitionToObserver(l line) (int, error) {
	n, code, err := a.one("-transitionToObserver", l)
	if n == nil {
		return code, err
	}
	defer n.close()
	if !a.mayManage(n) {
		return failed, nil
	}
	ctx, cancel := a.query()
	defer cancel()
	switch err := n.svc.TransitionToObserver(ctx, a.source); {
	case err == nil:
		return 0, nil
	case isServiceFailed(err):
		a.complain("transitionToObserver failed! " + asJava(err, n.Host, n.Port).Error())
		return failed, nil
	default:
		return failed, asJava(err, n.Host, n.Port)
	}
}

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
			return failed, nil
		}
		return a.askController(to)
	}
	m, err := a.newManual()
	if err == nil {
		err = m.failover(a.ctx, from, to, l.has(forceFence), l.has(forceActive))
	}
	if err != nil {
		a.complain("Failover failed: " + err.Error())
		return failed, nil
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
	if err := z.GracefulFailover(ctx); err != nil {
		return failed, asJava(err, to.Host, to.ZKFCPort)
	}
	a.say("Failover to " + to.String() + " successful")
	return 0, nil
}
