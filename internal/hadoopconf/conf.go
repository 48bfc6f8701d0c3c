package hadoopconf

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"sort"
	"strings"
)

// The files that make a directory one of Hadoop's configuration.
const (
	CoreSite = "core-site.xml"
	HDFSSite = "hdfs-site.xml"
)

// settings is the Source of what the command line sets.
const settings = "-D"

// Source is where a value was written.
type Source struct {
	File   string // path, "-D", "core-default.xml", "hdfs-default.xml"; empty: nowhere
	Line   int    // counted from 1; 0 where there are no lines
	Column int    // counted from 1; 0 where only the line matters
}

// String is file:line, or file:line:column.
func (s Source) String() string {
	switch {
	case s.Line > 0 && s.Column > 0:
		return fmt.Sprintf("%s:%d:%d", s.File, s.Line, s.Column)
	case s.Line > 0:
		return fmt.Sprintf("%s:%d", s.File, s.Line)
	}
	return s.File
}

// Value is one property.
type Value struct {
	Name  string
	Raw   string // as written, ${…} not replaced
	From  Source
	Final bool
	// Default marks a value of the original's *-default.xml.
	Default bool
}

// Problem is one thing wrong with the files.
type Problem struct {
	From   Source
	Key    string // may be empty
	Text   string
	Remedy string // may be empty
	// Fatal marks a file that the original cannot read either: its programs then end with an exception, exit code 1.
	Fatal bool
}

// String is one line: file:line: key: text; remedy.
func (p Problem) String() string {
	var b strings.Builder
	for _, s := range []string{p.From.String(), p.Key} {
		if s != "" {
			b.WriteString(s + ": ")
		}
	}
	b.WriteString(p.Text)
	if p.Remedy != "" {
		b.WriteString("; " + p.Remedy)
	}
	return b.String()
}

// Options is what is read.
type Options struct {
	// Dir is HADOOP_CONF_DIR; empty: no directory, only Files.
	Dir string
	// Files are further resources (-conf), in order.
	Files []string
	// Set holds "key=value" settings; later ones win.
	Set []string
	// Getenv looks up a variable for ${env.…}; default os.LookupEnv.
	Getenv func(string) (string, bool)
}

// Conf is a loaded configuration.
type Conf struct {
	dir      string
	props    map[string]Value
	finals   map[string]Source // keys that no later file may set, and by whom
	getenv   func(string) (string, bool)
	problems []Problem
	notes    []Problem
}

// Load reads everything it can; the problems are all that were found, and the configuration is what remains.
func Load(o Options) (*Conf, []Problem) {
	c := &Conf{dir: o.Dir, props: map[string]Value{}, finals: map[string]Source{}, getenv: o.Getenv}
	if c.getenv == nil {
		c.getenv = os.LookupEnv
	}
	c.defaults(coreDefault)
	if o.Dir != "" {
		c.directory(o.Dir)
	} else {
		c.defaults(hdfsDefault)
	}
	for _, f := range o.Files {
		if err := c.file(f, nil); err != nil {
			c.fatal(Source{File: f}, "cannot read the file after -conf: "+reason(err), "name a readable file")
		}
	}
	for _, s := range o.Set {
		key, value, ok := strings.Cut(s, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			c.problem(Source{File: "-D " + s}, "not a setting", "write -D key=value")
			continue
		}
		c.Set(key, value, Source{File: settings})
	}
	return c, c.problems
}

func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

func (c *Conf) problem(from Source, text, remedy string) {
	c.problems = append(c.problems, Problem{From: from, Text: text, Remedy: remedy})
}

// fatal is a problem that ends the original's programs, too.
func (c *Conf) fatal(from Source, text, remedy string) {
	c.problem(from, text, remedy)
	c.problems[len(c.problems)-1].Fatal = true
}

// directory reads the site files of dir, with hdfs-default.xml between them. One of them may be missing, not both.
func (c *Conf) directory(dir string) {
	found := false
	for _, name := range []string{CoreSite, HDFSSite} {
		if name == HDFSSite {
			c.defaults(hdfsDefault)
		}
		err := c.file(filepath.Join(dir, name), nil)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.fatal(Source{File: filepath.Join(dir, name)}, "cannot be read: "+reason(err), "make it readable for this user")
		}
		found = found || !errors.Is(err, fs.ErrNotExist)
	}
	if !found {
		c.problem(Source{File: dir}, "neither "+CoreSite+" nor "+HDFSSite+" is there", "name Hadoop's configuration directory")
	}
}

// defaults sets those of one of the original's default files. The second comes after core-site.xml, so that dfs.* keys which
// have a default are not taken from there.
func (c *Conf) defaults(file string) {
	for _, d := range defaults {
		if d.file != file {
			continue
		}
		if old, known := c.props[d.name]; known && !old.Default && c.finals[d.name].File == "" && old.Raw != d.value {
			c.notes = append(c.notes, Problem{
				From: old.From, Key: d.name, Text: "has no effect: " + file + " comes after " + CoreSite, Remedy: "set it in " + HDFSSite,
			})
		}
		c.put(Value{Name: d.name, Raw: d.value, From: Source{File: file}, Default: true}, true)
	}
}

// put adds a property of a file; without a value it only may be final.
func (c *Conf) put(v Value, valued bool) {
	if now, ok := newNames[v.Name]; ok {
		v.Name = now
	}
	if by, final := c.finals[v.Name]; final {
		if old := c.props[v.Name]; valued && old.Raw != v.Raw && !v.Default {
			c.notes = append(c.notes, Problem{
				From: v.From, Key: v.Name, Text: "has no effect: the value of " + by.String() + " is final", Remedy: "change it there",
			})
		}
		return
	}
	if valued {
		c.props[v.Name] = v
	}
	if v.Final {
		c.finals[v.Name] = v.From
	}
}

// Set gives key a value that wins over all files.
func (c *Conf) Set(key, value string, from Source) {
	if now, ok := newNames[key]; ok {
		key = now
	}
	c.props[key] = Value{Name: key, Raw: value, From: from}
}

// With is the configuration with one more file, which comes after all others, but before what was Set. One that is not there
// changes nothing.
func (c *Conf) With(path string) (*Conf, []Problem) {
	w := &Conf{dir: c.dir, props: maps.Clone(c.props), finals: maps.Clone(c.finals), getenv: c.getenv}
	if err := w.file(path, nil); err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.fatal(Source{File: path}, "cannot be read: "+reason(err), "make it readable for this user")
	}
	for k, v := range c.props {
		if v.From.File == settings {
			w.props[k] = v
		}
	}
	return w, w.problems
}

// Dir is the directory that was read; empty when there was none.
func (c *Conf) Dir() string { return c.dir }

// Notes are things that do not stop anything, but that nobody means: values without effect.
func (c *Conf) Notes() []Problem { return c.notes }

// Lookup is the property as written; ok is false when it is written nowhere and has no default.
func (c *Conf) Lookup(key string) (v Value, ok bool) {
	if now, renamed := newNames[key]; renamed {
		key = now
	}
	v, ok = c.props[key]
	return v, ok
}

// Names are all properties, sorted.
func (c *Conf) Names() []string {
	names := make([]string, 0, len(c.props))
	for k := range c.props {
		names = append(names, k)
	}
	sort.Strings(names)
	return names
}

// system is one of the few Java system properties that have a meaning here.
func system(name string) (string, bool) {
	switch name {
	case "user.name":
		if u, err := user.Current(); err == nil {
			return u.Username, true
		}
	case "user.home":
		if h, err := os.UserHomeDir(); err == nil {
			return h, true
		}
	case "java.io.tmpdir":
		return os.TempDir(), true
	}
	return "", false
}
