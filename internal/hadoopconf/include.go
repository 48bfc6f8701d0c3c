package hadoopconf

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// include reads the file that href names, or what stands in <fallback> when there is no such file.
func (r *reader) include(start xml.StartElement, use bool) error {
	from, href, named := r.at(), "", false
	for _, a := range start.Attr {
		if a.Name.Local == "href" {
			href, named = a.Value, true
		}
	}
	missing := false
	switch {
	case !named:
		r.note(from, "<include> without href", "name the file to include")
	case use:
		missing = !r.fetch(from, href)
	}
	fallback := false
	for {
		t, err := r.dec.Token()
		if err != nil {
			return unended(err, start)
		}
		switch e := t.(type) {
		case xml.StartElement:
			if e.Name.Local != "fallback" {
				err = r.dec.Skip()
			} else {
				fallback = true
				err = r.section(e, missing)
			}
			if err != nil {
				return err
			}
		case xml.EndElement:
			if missing && !fallback {
				r.fatal(from, fmt.Sprintf("the included file %q is not there, and there is no <fallback>", href),
					"make it, or correct href: it is looked for in "+strings.Join(slices.Compact(slices.Clone(r.bases)), " and "))
			}
			return nil
		}
	}
}

// fetch reads an included file; false means that there is none.
func (r *reader) fetch(from Source, href string) bool {
	path, err := r.resolve(href)
	if err != nil {
		r.fatal(from, fmt.Sprintf("the included %q is not a file", href), "only files can be included")
		return true
	}
	if path == "" {
		return false
	}
	if slices.Contains(r.open, path) || len(r.open) > maxIncludes {
		r.fatal(from, fmt.Sprintf("%q is included by itself", href), "remove one of the includes")
		return true
	}
	switch err := r.c.file(path, r); {
	case errors.Is(err, fs.ErrNotExist):
		return false
	case err != nil:
		r.fatal(from, fmt.Sprintf("the included file %q cannot be read: %s", href, reason(err)), "")
	}
	return true
}

var errNotFile = errors.New("not a file")

// FilePath is the file that the path of an URI means. On Windows /C:/conf is C:\conf.
func FilePath(path string) string {
	path = filepath.FromSlash(path)
	if rest := strings.TrimPrefix(path, string(filepath.Separator)); filepath.VolumeName(rest) != "" {
		return rest
	}
	return path
}

// resolve is the path of href; empty when there is no such file. As in the original a relative one is looked for in the
// configuration directory (the class path) and beside the file that was named, not beside the file that includes it.
func (r *reader) resolve(href string) (string, error) {
	path := href
	if rest, ok := strings.CutPrefix(href, "file:"); ok {
		if after, ok := strings.CutPrefix(rest, "//"); ok {
			host, _, _ := strings.Cut(after, "/")
			if host != "" && host != "localhost" {
				return "", errNotFile
			}
			rest = strings.TrimPrefix(after, host)
		}
		var err error
		if path, err = url.PathUnescape(rest); err != nil {
			return "", errNotFile
		}
		path = FilePath(path)
	} else if strings.Contains(href, "://") {
		return "", errNotFile
	}
	if filepath.IsAbs(path) {
		return path, nil
	}
	for _, base := range r.bases {
		p := filepath.Join(base, path)
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	return "", nil
}

// maxEntity bounds what an entity stands for, so that entities of entities do not fill the memory.
const maxEntity = 4 << 10

var (
	declaration = regexp.MustCompile(`<!ENTITY\s+(%\s+)?(\S+)\s+(?:"([^"]*)"|'([^']*)'|(SYSTEM|PUBLIC)\b)`)
	reference   = regexp.MustCompile(`&(#x[0-9a-fA-F]+|#[0-9]+|[^;&\s]+);`)
)

// entities are those that a DOCTYPE defines by a text.
func entities(doctype string) (map[string]string, error) {
	out := map[string]string{}
	for _, m := range declaration.FindAllStringSubmatch(doctype, -1) {
		name, text := m[2], m[3]+m[4]
		switch {
		case m[1] != "":
			return nil, fmt.Errorf("parameter entity %%%s: only entities that stand for a text are read", name)
		case m[5] != "":
			return nil, fmt.Errorf("entity &%s; is another file: include it by <xi:include href=…> instead", name)
		case strings.Contains(text, "<"):
			return nil, fmt.Errorf("entity &%s; holds elements: put them into a file and include it by <xi:include href=…>", name)
		}
		if _, again := out[name]; again { // the first counts
			continue
		}
		var err error
		size := len(text)
		text = reference.ReplaceAllStringFunc(text, func(ref string) string {
			plain, ok := dereference(ref[1:len(ref)-1], out)
			if size += len(plain); err != nil || size > maxEntity {
				return ""
			}
			if !ok {
				err = fmt.Errorf("entity &%s; refers to %s, which is not defined before it", name, ref)
			}
			return plain
		})
		if err == nil && size > maxEntity {
			err = fmt.Errorf("entity &%s; stands for more than %d bytes", name, maxEntity)
		}
		if err != nil {
			return nil, err
		}
		out[name] = text
	}
	return out, nil
}

// dereference is the text of a reference without & and ;.
func dereference(ref string, known map[string]string) (string, bool) {
	if digits, ok := strings.CutPrefix(ref, "#"); ok {
		base := 10
		if hex, ok := strings.CutPrefix(digits, "x"); ok {
			digits, base = hex, 16
		}
		n, err := strconv.ParseInt(digits, base, 32)
		return string(rune(n)), err == nil
	}
	switch ref {
	case "lt":
		return "<", true
	case "gt":
		return ">", true
	case "amp":
		return "&", true
	case "apos":
		return "'", true
	case "quot":
		return `"`, true
	}
	text, ok := known[ref]
	return text, ok
}
