package haadmin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/fencing"
	"github.com/holdfast-ha/holdfast/internal/haconfig"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
)

// node is a resolved service id. It holds connections until close.
type node struct {
	target.Identity
	conf     haconfig.Node
	auto     bool
	lifeline bool   // its lifeline address is its name
	zkfc     string // where its controller is dialled
	svc      *target.Hadoop
	met      bool // somebody has tried to reach it: only then Java knows the name of an address
}

func (n *node) close() { _ = n.svc.Close() }

// asked is the service of n, which is asked now.
func (n *node) asked() *target.Hadoop {
	n.met = true
	return n.svc
}

// String is the original's name of a target.
func (n *node) String() string {
	host, port := n.Host, n.Port
	switch {
	case n.lifeline:
		if h, p, err := net.SplitHostPort(n.conf.HealthAddress); err == nil {
			host = h
			port, _ = strconv.Atoi(p)
		}
	case !n.met:
		host, _, _ = net.SplitHostPort(n.conf.Addr())
	}
	return "NameNode at " + fencing.JavaAddress(context.Background(), host, port)
}

// rpcOptions mark our calls as the original marks them.
func rpcOptions() target.HadoopOptions { return target.HadoopOptions{CallerContext: "CLI"} }

func (a *admin) config() (*haconfig.Config, error) {
	if a.cfg == nil {
		a.opts.OneNode = true
		cfg, err := haconfig.Load(a.opts)
		if err != nil {
			return nil, err
		}
		a.cfg = cfg
	}
	return a.cfg, nil
}

// nameservice is the id of the one that the command is about.
func (a *admin) nameservice() (string, error) {
	cfg, err := a.config()
	switch {
	case err != nil:
		return "", err
	case a.ns != "":
		return a.ns, nil
	case cfg.Hadoop != nil: // dfs.nameservice.id is for zkfc: haadmin run anywhere must mean the same
		id, err := cfg.OnlyNameservice()
		if err != nil {
			return "", illegalArgument{err.Error(), []string{cfg.Known()}}
		}
		return id, nil
	case cfg.Nameservice != "":
		return cfg.Nameservice, nil
	case len(cfg.Nameservices) > 1:
		ids := make([]string, len(cfg.Nameservices))
		for i, ns := range cfg.Nameservices {
			ids[i] = ns.ID
		}
		return "", illegalArgument{text: "Unable to determine the name service ID. This is an HA configuration with " +
			"multiple name services configured. nameservices is set to [" + strings.Join(ids, ", ") + "]. Please re-run with the -ns option."}
	}
	return cfg.Nameservices[0].ID, nil
}

// yarn is the YARN cluster that is meant: the one that -ns names, if it names no nameservice, or the only thing that is configured.
func (a *admin) yarn() (haconfig.Nameservice, bool, error) {
	cfg, err := a.config()
	if err != nil || cfg.Hadoop == nil {
		return haconfig.Nameservice{}, false, err
	}
	_, hdfs := cfg.Hadoop.Lookup("dfs.nameservices")
	if a.ns == "" && hdfs || a.ns != "" && len(cfg.NameNodeIDs(a.ns)) > 0 {
		return haconfig.Nameservice{}, false, nil
	}
	ns, ok, err := cfg.ResourceManagers()
	return ns, ok && (a.ns == "" || ns.ID == a.ns), err
}

// onlyRead tells whether c would change a YARN cluster, and says that this is not done here.
func (a *admin) onlyRead(c *command) bool {
	if !c.changes() {
		return false
	}
	ns, ok, err := a.yarn()
	if err != nil || !ok {
		return false // c says what is wrong
	}
	a.complain(c.name[1:] + ": " + ns.ID + " is a YARN cluster: its ResourceManagers elect by themselves, and only their states are " +
		"read here; use yarn rmadmin")
	return true
}

// ids are the nodes of the nameservice; none when it is not known.
func (a *admin) ids() ([]string, error) {
	cfg, err := a.config()
	if err != nil {
		return nil, err
	}
	if ns, ok, err := a.yarn(); err != nil || ok {
		return idsOf(ns), err
	}
	if cfg.Hadoop != nil && a.ns == "" { // as in the original: none, and no complaint yet
		if _, named := cfg.Hadoop.Lookup("dfs.nameservices"); !named {
			return nil, nil
		}
	}
	id, err := a.nameservice()
	if err != nil {
		return nil, err
	}
	if cfg.Hadoop != nil {
		return cfg.NameNodeIDs(id), nil
	}
	ns, _ := cfg.Find(id)
	return idsOf(ns), nil
}

func idsOf(ns haconfig.Nameservice) []string {
	var out []string
	for _, n := range ns.Nodes {
		out = append(out, n.ID)
	}
	return out
}

// resolve is the node with that id. The caller closes it.
func (a *admin) resolve(id string) (*node, error) {
	ns, isYARN, err := a.yarn()
	if err != nil {
		return nil, err
	}
	if isYARN {
		return among(ns, id)
	}
	nsID, err := a.nameservice()
	if err != nil {
		return nil, err
	}
	if a.cfg.Hadoop == nil {
		known, ok := a.cfg.Find(nsID)
		n, err := among(known, id)
		if err != nil && !ok {
			err = illegalArgument{unknownNode(id), []string{a.known()}}
		}
		return n, err
	}
	ns, n, err := a.cfg.NameNode(nsID, id)
	if err == nil {
		return connect(ns, n, n.HealthAddress != ""), nil
	}
	return nil, a.notResolved(id, err)
}

// among is the node with that id of a nameservice that is known as a whole.
func among(ns haconfig.Nameservice, id string) (*node, error) {
	if n, ok := ns.Find(id); ok {
		return connect(ns, n, false), nil
	}
	return nil, illegalArgument{text: unknownNode(id)}
}

func unknownNode(id string) string {
	return "Unable to determine service address for namenode '" + id + "'"
}

// notResolved has the original's words, and then where the mistake is.
func (a *admin) notResolved(id string, err error) error {
	var problems haconfig.Problems
	if !errors.As(err, &problems) {
		return err
	}
	out := illegalArgument{text: problems[0].Text}
	for _, p := range problems {
		out.hints = append(out.hints, p.String())
	}
	if _, words, ok := strings.Cut(problems[0].Java, ": "); ok {
		out.text = words
	}
	ids, idsErr := a.ids()
	if idsErr == nil && out.text == unknownNode(id) && !slices.Contains(ids, id) { // it is the argument that is wrong
		out.hints = nil
		if len(ids) == 0 {
			out.hints = []string{a.known()}
		}
	}
	return out
}

func connect(ns haconfig.Nameservice, n haconfig.Node, lifeline bool) *node {
	return &node{
		Identity: n.Identity(ns.ID), conf: n, auto: ns.AutomaticFailover, lifeline: lifeline,
		zkfc: n.ZKFCAddr(), svc: target.NewHadoop(n.Addr(), rpcOptions()),
	}
}

// all are the nodes of the nameservice, up to the first that cannot be resolved.
func (a *admin) all() ([]*node, error) {
	ids, err := a.ids()
	if err != nil {
		return nil, err
	}
	var out []*node
	for _, id := range ids {
		n, err := a.resolve(id)
		if err != nil {
			return out, err
		}
		out = append(out, n)
	}
	return out, nil
}

// known is what is configured, for somebody who has named something else.
func (a *admin) known() string {
	if a.cfg.Hadoop != nil {
		return a.cfg.Known()
	}
	var out []string
	for _, ns := range a.cfg.Nameservices {
		out = append(out, ns.ID+" ("+strings.Join(idsOf(ns), ", ")+")")
	}
	return a.cfg.File + ": nameservices has " + strings.Join(out, ", ")
}

// where tells which key has the address of n.
func (a *admin) where(n *node) string {
	if a.cfg.Hadoop == nil {
		return n.ServiceID + " is at " + n.conf.Addr() + " by " + a.cfg.File
	}
	key, file := a.cfg.AddressOf(n.NameserviceID, n.ServiceID)
	return n.ServiceID + " is at " + n.conf.Addr() + " by " + key + " of " + file
}

// noAnswer words the error of a call to n. When what answers there is no NameNode that we understand, the key is told that
// leads to it.
func (a *admin) noAnswer(n *node, err error) error {
	j := asJava(err, n.Host, n.Port)
	var answer *hadooprpc.Exception
	odd := hadooprpc.Strange(err) || !errors.As(err, &answer) && (j.class == classEOF || j.class == classIO)
	if odd {
		j.hints = append(j.hints, fmt.Sprintf("%s: is that the RPC port of a NameNode of Hadoop 2 or later?", a.where(n)))
	}
	return j
}
