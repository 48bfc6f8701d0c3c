package haconfig

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"

	"github.com/holdfast-ha/holdfast/internal/hadoopconf"
)

// The keys of Hadoop's files that are ours. OwnPrefix stands before a key of holdfast.yaml and sets it:
// holdfast.controller.httpAddress. TimingsKey chooses whose timings hold where a file sets none: "hadoop", the default, or
// "fast", those of holdfast.yaml.
const (
	OwnPrefix  = "holdfast."
	TimingsKey = "holdfast.timings"
)

// bridge makes a Config of Hadoop's configuration.
type bridge struct {
	*reader // problems, origins, and what sets keys of holdfast.yaml
	conf    *hadoopconf.Conf
	cfg     *Config
	own     map[string]bool // keys of holdfast.yaml that were set as such: they win over Hadoop's
	names   func(ip string) string
}

func loadHadoop(p place, o Options, environ []string) (*Config, error) {
	return newBridge(p, o, hostName).load(p, environ, o.OneNode)
}

func newBridge(p place, o Options, names func(ip string) string) *bridge {
	conf, wrong := hadoopconf.Load(hadoopconf.Options{Dir: p.dir, Files: p.resources, Set: hadoopSettings(o), Getenv: os.LookupEnv})
	b := &bridge{reader: &reader{origins: origins{}}, conf: conf, own: map[string]bool{}, names: names}
	for _, w := range wrong {
		b.problems = append(b.problems, Problem{Where: w.From.String(), Key: w.Key, Text: w.Text, Remedy: w.Remedy, Fatal: w.Fatal})
	}
	return b
}

// hadoopSettings are the settings by Hadoop's keys.
func hadoopSettings(o Options) []string {
	set := append([]string{}, o.Set...)
	for _, s := range o.Named {
		if node, ok := strings.CutPrefix(s, "node="); ok {
			set = append(set, "dfs.ha.namenode.id="+node)
			continue
		}
		set = append(set, OwnPrefix+s)
	}
	return set
}

func (b *bridge) load(p place, environ []string, oneNode bool) (*Config, error) {
	v := viper.New()
	setDefaults(v)
	b.timings(v)
	if key := "dfs.ha.fencing.ssh.private-key-files"; b.get(key) != "" {
		v.Set("fencing.ssh.keyFiles", b.list(key))
		b.from("fencing.ssh.keyFiles", key)
	}
	b.ownKeys(v, false)
	unset := b.track()
	b.environment(v, environ)
	b.noteOwn(unset)
	b.ownKeys(v, true)
	b.cfg = &Config{}
	if err := v.UnmarshalExact(b.cfg, viper.DecodeHook(mapstructure.StringToTimeDurationHookFunc())); err != nil {
		b.problems = append(b.problems, Problem{Text: err.Error()})
	}
	c := b.cfg
	c.File, c.Hadoop, c.origins, c.own = p.dir, b.conf, b.origins, b.own
	if c.File == "" {
		c.File = strings.Join(p.resources, ",")
	}
	b.security()
	b.tls()
	before, all := len(b.problems), b.problems
	b.topology()
	if oneNode {
		c.Flaws = append(Problems{}, b.problems[before:]...)
		b.problems = all
	}
	b.shared("", "")
	k := &checker{cfg: c}
	k.common()
	b.problems = append(b.problems, unreported(k.out, b.problems)...)
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	return c, nil
}

// track and noteOwn find out which keys the environment has set.
func (b *bridge) track() map[string]string {
	m := map[string]string{}
	for k, w := range b.origins {
		m[k] = w
	}
	return m
}

func (b *bridge) noteOwn(before map[string]string) {
	for k, w := range b.origins {
		if before[k] != w {
			b.own[k] = true
		}
	}
}

func (b *bridge) complain(v hadoopconf.Value, text, remedy string) {
	b.problems = append(b.problems, Problem{Where: v.From.String(), Key: v.Name, Text: text, Remedy: remedy})
}

// value is a property with its variables replaced.
func (b *bridge) value(v hadoopconf.Value) string {
	s, err := b.conf.Expand(v.Raw)
	if err != nil {
		b.complain(v, err.Error(), "")
	}
	return strings.TrimSpace(s)
}

func (b *bridge) get(key string) string {
	v, _ := b.conf.Lookup(key)
	return b.value(v)
}

func (b *bridge) list(key string) []string {
	l, err := b.conf.Strings(key)
	if err != nil {
		v, _ := b.conf.Lookup(key)
		b.complain(v, err.Error(), "")
	}
	return l
}

// integer is the number at v; ok is false when it is none, which is a problem then.
func (b *bridge) integer(v hadoopconf.Value) (n int, ok bool) {
	n, err := hadoopconf.ParseInt(b.value(v))
	if err != nil {
		b.problems = append(b.problems, Problem{
			Where: v.From.String(), Key: v.Name, Text: err.Error(), Remedy: "write digits only",
			Java:  fmt.Sprintf("java.lang.NumberFormatException: For input string: %q", b.value(v)),
			Fatal: v.Name == cliTimeoutKey,
		})
	}
	return n, err == nil
}

// boolean is false for anything but true, as in the original.
func (b *bridge) boolean(v hadoopconf.Value, def bool) bool {
	switch s := b.value(v); {
	case strings.EqualFold(s, "true"):
		return true
	case strings.EqualFold(s, "false"):
		return false
	case s != "":
		b.complain(v, fmt.Sprintf("%q is neither true nor false; the original would take %t", s, def), "write true or false")
	}
	return def
}

// cliTimeoutKey is read by the original's haadmin before anything else.
const cliTimeoutKey = "ha.failover-controller.cli-check.rpc-timeout.ms"

// timing is a key of Hadoop's that is a number of milliseconds.
type timing struct{ path, key string }

var timings = []timing{
	{"health.interval", "ha.health-monitor.check-interval.ms"},
	{"health.deadline", "ha.health-monitor.rpc-timeout.ms"},
	{"health.retry", "ha.health-monitor.connect-retry-interval.ms"},
	{"failover.gracefulFenceDeadline", "ha.failover-controller.graceful-fence.rpc-timeout.ms"},
	{"failover.newActiveDeadline", "ha.failover-controller.new-active.rpc-timeout.ms"},
	{"failover.rpcDeadline", cliTimeoutKey},
	{"fencing.ssh.connectTimeout", "dfs.ha.fencing.ssh.connect-timeout"},
	{"zookeeper.sessionTimeout", sessionKey},
}

// fast tells whether our timings hold where no file sets Hadoop's.
func (b *bridge) fast() bool {
	switch v, _ := b.conf.Lookup(TimingsKey); b.value(v) {
	case "", "hadoop":
	case "fast":
		return true
	default:
		b.complain(v, fmt.Sprintf("%q is not a choice", v.Raw), "write hadoop or fast")
	}
	return false
}

func (b *bridge) timings(v *viper.Viper) {
	fast := b.fast()
	for _, t := range timings {
		val, _ := b.conf.Lookup(t.key)
		if val.Default && (fast || t.path == "health.retry") { // a restarted node is seen at once: nothing is gained by waiting
			continue
		}
		n, ok := b.integer(val)
		switch {
		case !ok:
		case n <= 0 && t.key != sessionKey: // that one is ForNode's
			b.complain(val, fmt.Sprintf("%d is not above zero", n), "write a number of milliseconds")
		default:
			v.Set(t.path, time.Duration(n)*time.Millisecond)
			b.origins.set(t.path, val.From.String())
		}
	}
}

// ownKeys applies holdfast.*: those of the files, or those of the command line.
func (b *bridge) ownKeys(v *viper.Viper, commandLine bool) {
	paths := make([]string, 0, 32)
	for _, f := range settable(schema) {
		paths = append(paths, OwnPrefix+f.path)
	}
	for _, name := range b.conf.Names() {
		val, _ := b.conf.Lookup(name)
		key, ours := strings.CutPrefix(name, OwnPrefix)
		if !ours || name == TimingsKey || (val.From.File == "-D") != commandLine {
			continue
		}
		f := settableField(key)
		if f == nil {
			remedy := "configs/holdfast.yaml explains all keys"
			if n := nearest(name, paths); n != "" {
				remedy = "did you mean " + n + "?"
			}
			b.complain(val, "unknown key", remedy)
			continue
		}
		text := b.value(val)
		if f.kind == kindDuration { // Hadoop's spelling as well: 500 is milliseconds
			if d, err := hadoopconf.ParseDuration(text, time.Millisecond); err == nil {
				text = d.String()
			}
		}
		parsed, err := f.parse(text)
		if err != nil {
			b.complain(val, err.Error(), "")
			continue
		}
		v.Set(f.path, parsed)
		b.origins.set(f.path, val.From.String())
		b.own[strings.ToLower(f.path)] = true
	}
}

func settableField(key string) *field {
	for _, f := range settable(schema) {
		if strings.EqualFold(f.path, key) {
			return f
		}
	}
	return nil
}

// topology reads the nameservices with two or more NameNodes, and which of them is here.
func (b *bridge) topology() {
	c, before := b.cfg, len(b.problems)
	if !b.own["nameservice"] {
		c.Nameservice = b.get("dfs.nameservice.id")
		b.from("nameservice", "dfs.nameservice.id")
	}
	if !b.own["node"] {
		c.Node = b.get("dfs.ha.namenode.id")
		b.from("node", "dfs.ha.namenode.id")
	}
	for _, id := range b.list("dfs.nameservices") {
		ids := b.list("dfs.ha.namenodes." + id)
		if len(ids) < 2 { // a nameservice without HA
			continue
		}
		v := b.conf.Suffixed("dfs.ha.automatic-failover.enabled", id, "")
		ns := Nameservice{ID: id, AutomaticFailover: b.boolean(v, false)}
		addrs := map[string]string{}
		at := "nameservices." + strconv.Itoa(len(c.Nameservices))
		b.from(at+".id", "dfs.nameservices")
		b.origins.set(at+".automaticFailover", v.From.String())
		for _, nn := range ids {
			if n, ok := b.node(id, nn, at+".nodes."+strconv.Itoa(len(ns.Nodes))); ok {
				b.unique(addrs, n.addressKey, n.Host, n.RPCPort, ns.ID, n.ID)
				ns.Nodes = append(ns.Nodes, n.Node)
			}
		}
		c.Nameservices = append(c.Nameservices, ns)
	}
	if len(b.problems) == before && (len(c.Nameservices) == 0 || c.Nameservice != "" && !c.has(c.Nameservice)) {
		b.noHA()
	}
	if ns, ok := c.Find(c.Nameservice); ok && c.Node != "" {
		if _, ok := ns.Find(c.Node); !ok {
			v, _ := b.conf.Lookup("dfs.ha.namenode.id")
			b.problems = append(b.problems, Problem{
				Where: v.From.String(), Key: "dfs.ha.namenode.id", Text: c.Node + " is not in dfs.ha.namenodes." + ns.ID,
				Remedy: "configured: " + strings.Join(b.list("dfs.ha.namenodes."+ns.ID), ", "),
				Java:   "java.lang.IllegalArgumentException: Unable to determine service address for namenode '" + c.Node + "'",
			})
		}
	}
}

func (c *Config) has(id string) bool {
	_, ok := c.Find(id)
	return ok
}

func (b *bridge) noHA() {
	p := Problem{
		Key: "dfs.nameservices", Text: "no nameservice with two NameNodes is configured",
		Remedy: "set dfs.nameservices, dfs.ha.namenodes.NAMESERVICE and the addresses in " + hadoopconf.HDFSSite,
		Java:   "org.apache.hadoop.HadoopIllegalArgumentException: HA is not enabled for this namenode.",
	}
	key := "dfs.nameservices"
	if id := b.cfg.Nameservice; id != "" && len(b.cfg.Nameservices) > 0 {
		key = "dfs.nameservice.id"
		p.Key, p.Text = key, id+" is no nameservice with two NameNodes"
		p.Remedy = "name one of dfs.nameservices, with dfs.ha.namenodes." + id
	}
	if v, ok := b.conf.Lookup(key); ok {
		p.Where = v.From.String()
	} else {
		p.Where = b.conf.Dir()
	}
	b.problems = append(b.problems, p)
}

// found is a node, and the key that has its address.
type found struct {
	Node
	addressKey hadoopconf.Value
}

// from notes that path of holdfast.yaml has its value from key, if that is set.
func (b *bridge) from(path, key string) {
	if v, ok := b.conf.Lookup(key); ok {
		b.origins.set(path, v.From.String())
	}
}

func (b *bridge) node(ns, nn, at string) (found, bool) {
	suffix := "." + ns + "." + nn
	var addr hadoopconf.Value
	for _, key := range []string{serviceAddressKey, rpcAddressKey} {
		if v, ok := b.conf.Lookup(key + suffix); ok {
			addr = v
			break
		}
	}
	if addr.Name == "" {
		at, _ := b.conf.Lookup("dfs.ha.namenodes." + ns)
		b.problems = append(b.problems, Problem{
			Where: at.From.String(), Key: rpcAddressKey + suffix, Text: "is not set, but dfs.ha.namenodes." + ns + " names " + nn,
			Remedy: "set it to host:port, or dfs.namenode.servicerpc-address" + suffix,
			Java:   "java.lang.IllegalArgumentException: Unable to determine service address for namenode '" + nn + "'",
		})
		return found{}, false
	}
	host, port, ok := b.address(addr, 8020)
	if !ok {
		return found{}, false
	}
	n := Node{ID: nn, Host: b.names(host), RPCPort: port}
	if n.Host != host {
		n.ip = host
	}
	// A node knows itself by the address for clients, also when others meet it at the service's.
	if v, known := b.conf.Lookup(rpcAddressKey + suffix); known && v.Name != addr.Name {
		if h, _, good := b.address(v, 8020); good {
			n.here = h
		}
	}
	b.from(at+".id", "dfs.ha.namenodes."+ns)
	b.origins.set(at+".host", addr.From.String())
	b.origins.set(at+".rpcPort", addr.From.String())
	b.from(at+".healthAddress", lifelineKey+suffix)
	zkfc := b.conf.Suffixed("dfs.ha.zkfc.port", ns, nn)
	if n.ZKFCPort, ok = b.integer(zkfc); ok && (n.ZKFCPort < 1 || n.ZKFCPort > 65535) {
		b.complain(zkfc, fmt.Sprintf("%d is not a port", n.ZKFCPort), "write a number from 1 to 65535")
	}
	b.origins.set(at+".zkfcPort", zkfc.From.String())
	if v, set := b.conf.Lookup(lifelineKey + suffix); set {
		if h, p, ok := b.address(v, 8050); ok {
			n.HealthAddress = net.JoinHostPort(h, strconv.Itoa(p))
		}
	}
	for _, key := range []string{"dfs.namenode.servicerpc-bind-host", "dfs.namenode.rpc-bind-host"} {
		if v := b.conf.Suffixed(key, ns, nn); n.BindHost == "" && v.Name != "" {
			n.BindHost = b.value(v)
			b.origins.set(at+".bindHost", v.From.String())
		}
	}
	return found{n, addr}, true
}

// address reads host:port, host, or a URI with them.
func (b *bridge) address(v hadoopconf.Value, port int) (string, int, bool) {
	text := b.value(v)
	s := text
	if i := strings.Index(s, "://"); i >= 0 {
		s, _, _ = strings.Cut(s[i+3:], "/")
	}
	host := s
	if h, p, err := net.SplitHostPort(s); err == nil {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 || n > 65535 {
			host = ""
		} else {
			host, port = h, n
		}
	} else if strings.Contains(s, ":") {
		host = ""
	}
	if host == "" || strings.ContainsAny(host, " \t/,") {
		b.problems = append(b.problems, Problem{
			Where: v.From.String(), Key: v.Name, Text: fmt.Sprintf("%q is not host:port", text), Remedy: "write it as host:8020",
			Java: "java.lang.IllegalArgumentException: Does not contain a valid host:port authority: " + text,
		})
		return "", 0, false
	}
	return host, port, true
}

func (b *bridge) unique(addrs map[string]string, v hadoopconf.Value, host string, port int, ns, nn string) {
	addr := net.JoinHostPort(host, strconv.Itoa(port))
	if other, taken := addrs[addr]; taken {
		b.complain(v, addr+" is also "+ns+"."+other+"'s", "each NameNode needs an address of its own")
		return
	}
	addrs[addr] = nn
}
