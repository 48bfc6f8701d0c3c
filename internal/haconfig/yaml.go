package haconfig

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// reader turns the text of a file into settings, noting where each stands and everything that is wrong.
type reader struct {
	file     string
	origins  origins
	problems Problems
	broken   bool // the file as a whole could not be understood
}

func (r *reader) problem(line int, key, text, remedy string) {
	r.problems = append(r.problems, Problem{Where: r.at(line), Key: key, Text: text, Remedy: remedy})
}

func (r *reader) at(line int) string {
	if line == 0 {
		return r.file
	}
	return r.file + ":" + strconv.Itoa(line)
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

func (r *reader) read(text []byte) map[string]any {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		r.syntax(err)
		return nil
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		r.problem(second.Line, "", "a second document begins here", "keep one document in the file: remove the line ---")
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		return nil
	}
	return r.section(doc.Content[0], schema, "", "")
}

func (r *reader) syntax(err error) {
	r.broken = true
	line, text := 0, err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = m[2]
	}
	r.problem(line, "", "not valid YAML: "+text, "indent with blanks, and quote values that hold ': ' or ' #'")
}

// section reads a mapping. path is the key with entry numbers, list the path of the schema.
func (r *reader) section(n *yaml.Node, fs []*field, path, list string) map[string]any {
	n = follow(n)
	if n.Kind != yaml.MappingNode {
		r.broken = r.broken || path == ""
		r.problem(n.Line, path, "expected keys below it, got "+describe(n), "write one of: "+strings.Join(names(fs), ", "))
		return nil
	}
	out := map[string]any{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], follow(n.Content[i+1])
		key := join(path, k.Value)
		f := lookup(fs, k.Value)
		if f == nil || k.Kind != yaml.ScalarNode {
			r.unknown(k, key, path, fs)
			continue
		}
		key = join(path, f.name)
		if _, dup := out[strings.ToLower(f.name)]; dup {
			r.problem(k.Line, key, "set a second time", "first set at "+r.origins.of(key)+": keep one of the two")
			continue
		}
		r.origins.set(key, r.at(k.Line))
		if isNull(v) { // "key:" with nothing after it leaves the default
			continue
		}
		if val, ok := r.value(v, f, key); ok {
			out[strings.ToLower(f.name)] = val
		}
	}
	return withDefaults(out, list)
}

func (r *reader) unknown(k *yaml.Node, key, path string, fs []*field) {
	name := k.Value
	if k.Kind != yaml.ScalarNode {
		name, key = "(not a word)", path
	}
	remedy := "known here: " + strings.Join(names(fs), ", ")
	if n := nearest(name, names(fs)); n != "" {
		remedy = "did you mean " + n + "?"
	}
	r.problem(k.Line, key, "unknown key", remedy)
}

func (r *reader) value(v *yaml.Node, f *field, key string) (any, bool) {
	switch {
	case f.kind == kindSection:
		m := r.section(v, f.children, key, "")
		return m, m != nil
	case f.kind == kindList && v.Kind == yaml.SequenceNode:
		return r.entries(v, f, key), true
	case f.kind == kindStrings && v.Kind == yaml.SequenceNode:
		return r.strings(v, key)
	case f.kind == kindList && f.path != "fencing.methods", v.Kind != yaml.ScalarNode:
		r.problem(v.Line, key, "expected "+expected(f.kind)+", got "+describe(v), "")
		return nil, false
	}
	val, err := f.parse(v.Value)
	if err != nil {
		r.problem(v.Line, key, err.Error(), "")
		return nil, false
	}
	return val, true
}

func (r *reader) entries(v *yaml.Node, f *field, key string) []any {
	out := make([]any, 0, len(v.Content))
	for i, item := range v.Content {
		e, at := follow(item), join(key, strconv.Itoa(i))
		r.origins.set(at, r.at(e.Line))
		if f.path == "fencing.methods" && e.Kind == yaml.ScalarNode && !isNull(e) {
			out = append(out, withDefaults(map[string]any{"method": e.Value}, f.path))
			continue
		}
		if m := r.section(e, f.children, at, f.path); m != nil {
			out = append(out, m)
		}
	}
	return out
}

func (r *reader) strings(v *yaml.Node, key string) (any, bool) {
	out := make([]string, 0, len(v.Content))
	for i, e := range v.Content {
		e = follow(e)
		if e.Kind != yaml.ScalarNode {
			r.problem(e.Line, key, "expected a list of words, got "+describe(e)+" in it", "")
			return nil, false
		}
		r.origins.set(join(key, strconv.Itoa(i)), r.at(e.Line))
		out = append(out, e.Value)
	}
	return out, true
}

// follow resolves *alias; an alias of an alias cannot be written.
func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	default:
		return fmt.Sprintf("%q", n.Value)
	}
}

func expected(k kind) string {
	switch k {
	case kindInt:
		return "a whole number"
	case kindBool:
		return "true or false"
	case kindDuration:
		return "a duration such as 2s"
	case kindStrings, kindList:
		return "a list"
	default:
		return "a word"
	}
}
