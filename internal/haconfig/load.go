package haconfig

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
)

// EnvFile is the variable of the environment that names the file.
const EnvFile = "HOLDFAST_CONFIG"

const envPrefix = "HOLDFAST_"

// SystemFile is the last place where Load looks.
const SystemFile = "/etc/holdfast/holdfast.yaml"

// EnvHadoop is the variable of the environment that names Hadoop's configuration directory.
const EnvHadoop = "HADOOP_CONF_DIR"

// Options is where Load looks.
type Options struct {
	// Files are the values of -config and -conf: a holdfast.yaml, Hadoop's configuration directory, or files of Hadoop's kind
	// (*.xml) that are read after the others.
	Files []string
	// Set holds the "key=value" settings of the command line (-D); later ones win. The keys are those of what is read. A key
	// of a list's entry of holdfast.yaml is written with the entry's id or number: nameservices.ns1.nodes.nn1.host=h1.
	Set []string
	// Named holds "key=value" settings of named flags, by the keys of holdfast.yaml; they win over Set.
	Named []string
	// OneNode is for haadmin with Hadoop's files: what is wrong with one NameNode does not keep it from asking another, as in the
	// original. It becomes Config.Flaws.
	OneNode bool
}

// Load reads, overrides and validates the configuration. The error is of type Problems and tells everything that is
// wrong. Whether the fencing methods can be understood is for fencing.New to say, since zkfc has an exit code for it; with
// Hadoop's files the keys of ZooKeeper are checked by ForNode.
func Load(o Options) (*Config, error) {
	p, err := find(o.Files)
	if err != nil {
		return nil, err
	}
	if p.hadoop() {
		return loadHadoop(p, o, os.Environ())
	}
	return load(p.yaml, p.text, append(o.Set, o.Named...), os.Environ())
}

// load layers the file, the environment and the settings, and decodes the result.
func load(file string, text []byte, set, environ []string) (*Config, error) {
	r := &reader{file: file, origins: origins{}}
	v := viper.New()
	setDefaults(v)
	if settings := r.read(text); settings != nil {
		if err := v.MergeConfigMap(settings); err != nil {
			r.problems = append(r.problems, Problem{Where: file, Text: err.Error()})
		}
	}
	r.environment(v, environ)
	for _, s := range set {
		r.override(v, s)
	}
	cfg := &Config{}
	hook := mapstructure.StringToTimeDurationHookFunc()
	if err := v.UnmarshalExact(cfg, viper.DecodeHook(hook)); err != nil {
		r.problems = append(r.problems, Problem{Where: file, Text: err.Error()})
	}
	cfg.File, cfg.origins = file, r.origins
	if !r.broken { // else everything would be reported as missing
		r.problems = append(r.problems, unreported(cfg.Validate(), r.problems)...)
	}
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	return cfg, nil
}

// unreported leaves out what concerns a key about which there is a complaint already.
func unreported(found, have Problems) Problems {
	keys := map[string]bool{}
	for _, p := range have {
		for k := p.Key; k != ""; k = k[:max(strings.LastIndexByte(k, '.'), 0)] {
			keys[k] = true
		}
	}
	var out Problems
	for _, p := range found {
		if !keys[p.Key] {
			out = append(out, p)
		}
	}
	return out
}

func setDefaults(v *viper.Viper) {
	m := map[string]any{}
	if err := mapstructure.Decode(Default(), &m); err != nil {
		panic(fmt.Sprintf("haconfig: defaults cannot be decoded: %v", err)) // the struct tags are broken
	}
	for k, val := range m {
		v.SetDefault(k, val)
	}
}

// EnvName is the variable that overrides key: HOLDFAST_ZOOKEEPER_SESSIONTIMEOUT for zookeeper.sessionTimeout.
func EnvName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// environment applies the variables. An empty one counts as not set. One that is not known but looks like one of ours
// misspelt is refused; others with our prefix belong to somebody else.
func (r *reader) environment(v *viper.Viper, environ []string) {
	known := map[string]*field{}
	all := []string{EnvFile}
	for _, f := range settable(schema) {
		known[EnvName(f.path)] = f
		all = append(all, EnvName(f.path))
	}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, envPrefix) || name == EnvFile || value == "" {
			continue
		}
		f := known[name]
		if f == nil {
			if n := nearest(name, all); n != "" {
				r.problems = append(r.problems, Problem{Where: name, Text: "unknown variable", Remedy: "did you mean " + n + "?"})
			}
			continue
		}
		r.apply(v, f, name, value)
	}
}

func (r *reader) apply(v *viper.Viper, f *field, where, value string) {
	val, err := f.parse(value)
	if err != nil {
		r.problems = append(r.problems, Problem{Where: where, Key: f.path, Text: err.Error()})
		return
	}
	r.origins.set(f.path, where)
	v.Set(f.path, val)
}

// override applies one key=value of the command line.
func (r *reader) override(v *viper.Viper, setting string) {
	key, value, ok := strings.Cut(setting, "=")
	key = strings.TrimSpace(key)
	where := "-D " + key
	if !ok || key == "" {
		r.problems = append(r.problems, Problem{Where: "-D " + setting, Text: "not a setting", Remedy: "write -D key=value"})
		return
	}
	for _, f := range settable(schema) {
		if strings.EqualFold(f.path, key) {
			r.apply(v, f, where, value)
			return
		}
	}
	if rest, ok := strings.CutPrefix(strings.ToLower(key), "nameservices."); ok {
		list, _ := v.Get("nameservices").([]any)
		r.overrideEntry(list, lookup(schema, "nameservices"), "nameservices", rest, where, value)
		v.Set("nameservices", list)
		return
	}
	paths := make([]string, 0, 32)
	for _, f := range settable(schema) {
		paths = append(paths, f.path)
	}
	remedy := "configs/holdfast.yaml explains all keys"
	if n := nearest(key, paths); n != "" {
		remedy = "did you mean " + n + "?"
	}
	r.problems = append(r.problems, Problem{Where: where, Text: "unknown key", Remedy: remedy})
}

// overrideEntry sets rest ("ns1.nodes.nn1.host") in the entry of list that rest names by id or number.
func (r *reader) overrideEntry(list []any, f *field, path, rest, where, value string) {
	id, rest, _ := strings.Cut(rest, ".")
	name, deeper, _ := strings.Cut(rest, ".")
	for i, e := range list {
		m, _ := e.(map[string]any)
		if m == nil || !strings.EqualFold(fmt.Sprint(m["id"]), id) && strconv.Itoa(i) != id {
			continue
		}
		child := lookup(f.children, name)
		at := join(path, strconv.Itoa(i))
		switch {
		case child == nil:
			r.problems = append(r.problems, Problem{
				Where: where, Text: "unknown key",
				Remedy: "known here: " + strings.Join(names(f.children), ", "),
			})
		case child.kind == kindList:
			nested, _ := m[strings.ToLower(child.name)].([]any)
			r.overrideEntry(nested, child, join(at, child.name), deeper, where, value)
		default:
			val, err := child.parse(value)
			if err != nil {
				r.problems = append(r.problems, Problem{Where: where, Key: join(at, child.name), Text: err.Error()})
				return
			}
			r.origins.set(join(at, child.name), where)
			m[strings.ToLower(child.name)] = val
		}
		return
	}
	r.problems = append(r.problems, Problem{
		Where: where, Text: fmt.Sprintf("there is no entry %q in %s", id, path),
		Remedy: "name an id, or a number counted from 0",
	})
}
