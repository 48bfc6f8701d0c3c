package haconfig

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// kind is what may stand at a key.
type kind int

const (
	kindSection kind = iota
	kindString
	kindStrings
	kindInt
	kindBool
	kindDuration
	kindList // of sections
)

// field is one key of the schema, which is read off the Config struct, so that the two cannot differ.
type field struct {
	name     string // as documented: sessionTimeout
	path     string // zookeeper.sessionTimeout; entries of lists have no number
	kind     kind
	children []*field // of a section, or of the entries of a list
}

var schema = fieldsOf(reflect.TypeFor[Config](), "")

func fieldsOf(t reflect.Type, prefix string) []*field {
	var out []*field
	for i := range t.NumField() {
		sf := t.Field(i)
		name := sf.Tag.Get("mapstructure")
		if name == "" || name == "-" {
			continue
		}
		f := &field{name: name, path: prefix + name}
		switch {
		case sf.Type == reflect.TypeFor[time.Duration]():
			f.kind = kindDuration
		case sf.Type.Kind() == reflect.Struct:
			f.kind, f.children = kindSection, fieldsOf(sf.Type, f.path+".")
		case sf.Type.Kind() == reflect.Slice && sf.Type.Elem().Kind() == reflect.Struct:
			f.kind, f.children = kindList, fieldsOf(sf.Type.Elem(), f.path+".")
		case sf.Type.Kind() == reflect.Slice:
			f.kind = kindStrings
		case sf.Type.Kind() == reflect.Int:
			f.kind = kindInt
		case sf.Type.Kind() == reflect.Bool:
			f.kind = kindBool
		default:
			f.kind = kindString
		}
		out = append(out, f)
	}
	return out
}

func lookup(fs []*field, name string) *field {
	for _, f := range fs {
		if strings.EqualFold(f.name, name) {
			return f
		}
	}
	return nil
}

func names(fs []*field) []string {
	out := make([]string, len(fs))
	for i, f := range fs {
		out[i] = f.name
	}
	return out
}

// settable are the keys that one string can set: by -D, or by a variable of the environment.
func settable(fs []*field) []*field {
	var out []*field
	for _, f := range fs {
		switch {
		case f.kind == kindSection:
			out = append(out, settable(f.children)...)
		case f.kind != kindList || f.path == "fencing.methods":
			out = append(out, f)
		}
	}
	return out
}

// parse turns text into the value of f; the error says what is expected.
func (f *field) parse(text string) (any, error) {
	text = strings.TrimSpace(text)
	switch f.kind {
	case kindInt:
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number", text)
		}
		return n, nil
	case kindBool:
		switch strings.ToLower(text) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return nil, fmt.Errorf("%q is neither true nor false", text)
	case kindDuration:
		d, err := time.ParseDuration(text)
		if err == nil && (text != "0" && text != "+0" && text != "-0") {
			return d, nil
		}
		if _, nerr := strconv.ParseFloat(text, 64); nerr == nil {
			return nil, fmt.Errorf("%q has no unit; write %ss or %sms", text, text, text)
		}
		return nil, fmt.Errorf("%q is not a duration; write it as 2s, 500ms or 1m30s", text)
	case kindStrings:
		return splitList(text), nil
	case kindList: // fencing.methods: one method per line, as in the original
		var out []any
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				out = append(out, withDefaults(map[string]any{"method": line}, f.path))
			}
		}
		return out, nil
	default:
		return text, nil
	}
}

// splitList takes a,b c apart.
func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
}

func withDefaults(m map[string]any, list string) map[string]any {
	for k, v := range entryDefaults(list) {
		if _, ok := m[k]; !ok {
			m[k] = v
		}
	}
	return m
}
