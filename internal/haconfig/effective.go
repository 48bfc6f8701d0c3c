package haconfig

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Setting is one key with the value in effect and where that comes from.
type Setting struct {
	Key   string // of holdfast.yaml
	Value string // a secret is not shown
	From  string // "holdfast.yaml:12", "hdfs-site.xml:30", "core-default.xml", "default", …
}

// Effective is the whole configuration, in the order of holdfast.yaml.
func (c *Config) Effective() []Setting {
	var out []Setting
	var walk func(v reflect.Value, fs []*field, at string)
	walk = func(v reflect.Value, fs []*field, at string) {
		for _, f := range fs {
			fv, key := fieldOf(v, f.name), join(at, f.name)
			switch f.kind {
			case kindSection:
				walk(fv, f.children, key)
			case kindList:
				for i := range fv.Len() {
					walk(fv.Index(i), f.children, join(key, strconv.Itoa(i)))
				}
			default:
				out = append(out, Setting{key, c.show(key, fv.Interface()), c.from(key)})
			}
		}
	}
	walk(reflect.ValueOf(c).Elem(), schema, "")
	return out
}

func fieldOf(v reflect.Value, name string) reflect.Value {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("mapstructure") == name {
			return v.Field(i)
		}
	}
	panic("haconfig: no field for " + name) // the schema is read off the struct
}

func (c *Config) show(key string, v any) string {
	if s, ok := v.([]string); ok {
		return strings.Join(s, ",")
	}
	s := fmt.Sprint(v)
	secret := key == "zookeeper.auth" || key == tlsKeyPassword || key == tlsTrustPassword
	if secret && s != "" && (!strings.HasPrefix(s, "@") || c.Zookeeper.TLS.literal[key]) {
		return "(not shown)"
	}
	return strings.ReplaceAll(s, "\n", " ")
}

// from is where key was set; for an entry of a list the place of the entry.
func (c *Config) from(key string) string {
	if w := c.origins.of(key); w != "" {
		return w
	}
	return "default"
}
