package hadoopconf

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits, so that a wrong file is an error and not an endless wait.
const (
	maxFile     = 16 << 20
	maxIncludes = 20 // files within files
)

// file reads one file and what it includes. An error means that it cannot be read; what is wrong inside of it is a problem.
func (c *Conf) file(path string, from *reader) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return errors.New("is not a file")
	}
	if st.Size() > maxFile {
		return fmt.Errorf("has %d bytes: not a configuration file", st.Size())
	}
	text, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return err
	}
	r := &reader{c: c, path: path, bases: []string{filepath.Dir(path)}}
	switch {
	case from != nil: // what is included counts as written where it is included
		r.open, r.bases = from.open, from.bases
	case c.dir != "": // the class path comes first
		r.bases = append([]string{c.dir}, r.bases...)
	}
	r.open = append(slices.Clone(r.open), path)
	r.read(text)
	return nil
}

// reader takes one file apart.
type reader struct {
	c     *Conf
	path  string
	open  []string // the files that are being read now
	bases []string // the directories that a relative href is looked for in
	dec   *xml.Decoder
}

func (r *reader) at() Source {
	line, _ := r.dec.InputPos()
	return Source{File: r.path, Line: line}
}

func (r *reader) fatal(from Source, text, remedy string) { r.c.fatal(from, text, remedy) }

// note is of what the original passes over, and nobody means.
func (r *reader) note(from Source, text, remedy string) {
	r.c.notes = append(r.c.notes, Problem{From: from, Text: text, Remedy: remedy})
}

// read parses text, which may begin with a byte order mark.
func (r *reader) read(text []byte) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		r.fatal(Source{File: r.path, Line: 1}, "the file is UTF-16", "save it as UTF-8")
		return
	}
	r.dec = xml.NewDecoder(bytes.NewReader(text))
	r.dec.CharsetReader = charset
	root, err := r.next()
	if errors.Is(err, io.EOF) {
		r.fatal(Source{File: r.path, Line: 1}, "the file is empty", "it needs at least <configuration></configuration>")
		return
	}
	if err == nil {
		if root.Name.Local != "configuration" {
			r.note(r.at(), "<"+root.Name.Local+"> where <configuration> was expected", "the outermost element of Hadoop's files is <configuration>")
		}
		err = r.section(root, true)
	}
	if err == nil {
		if _, err = r.next(); err == nil {
			r.fatal(r.at(), "a second element begins after </"+root.Name.Local+">", "a file has one <configuration>")
			return
		}
	}
	if !errors.Is(err, io.EOF) {
		r.syntax(err)
	}
}

// charset reads the encodings that are found in practice besides UTF-8.
func charset(label string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "us-ascii", "ascii", "utf8":
		return in, nil
	case "iso-8859-1", "latin1":
		raw, err := io.ReadAll(in)
		if err != nil {
			return nil, err
		}
		out := make([]byte, 0, len(raw))
		for _, b := range raw {
			out = utf8.AppendRune(out, rune(b))
		}
		return bytes.NewReader(out), nil
	}
	return nil, fmt.Errorf("encoding %q is not supported: save the file as UTF-8", label)
}

func (r *reader) syntax(err error) {
	line, column := r.dec.InputPos()
	from, text := Source{File: r.path, Line: line, Column: column}, err.Error()
	var se *xml.SyntaxError
	if errors.As(err, &se) {
		text = se.Msg
		if se.Line != line {
			from.Line, from.Column = se.Line, 0
		}
	}
	r.fatal(from, "not valid XML: "+text, "mend the line, or the element before it")
}

// next is the next element that begins, at the top of the file. A DOCTYPE before it may define entities.
func (r *reader) next() (xml.StartElement, error) {
	for {
		t, err := r.dec.Token()
		if err != nil {
			return xml.StartElement{}, err
		}
		switch e := t.(type) {
		case xml.StartElement:
			return e, nil
		case xml.Directive:
			if r.dec.Entity, err = entities(string(e)); err != nil {
				return xml.StartElement{}, err
			}
		}
	}
}

// section reads the content of any element that may hold properties; use says whether they count. As in the original, unknown
// elements are passed over, but not what is in them.
func (r *reader) section(parent xml.StartElement, use bool) error {
	for {
		t, err := r.dec.Token()
		if err != nil {
			return unended(err, parent)
		}
		switch e := t.(type) {
		case xml.EndElement:
			return nil
		case xml.CharData:
			if text := strings.TrimSpace(string(e)); text != "" && parent.Name.Local == "configuration" {
				r.note(r.at(), fmt.Sprintf("%q stands outside of a <property>", shorten(text)), "remove it")
			}
		case xml.StartElement:
			switch e.Name.Local {
			case "property":
				err = r.property(e, use)
			case "include":
				err = r.include(e, use)
			case "fallback":
				err = r.section(e, use && parent.Name.Local != "include")
			case "configuration":
				err = r.section(e, use)
			default:
				r.note(r.at(), "unknown element <"+e.Name.Local+">", "here stand <property> and <include>")
				err = r.section(e, use)
			}
			if err != nil {
				return err
			}
		}
	}
}

func unended(err error, e xml.StartElement) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the file ends within <%s>", e.Name.Local)
	}
	return err
}

func shorten(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// property reads one property, written with elements or with attributes. An empty element counts as not written, an empty
// attribute as an empty value.
func (r *reader) property(start xml.StartElement, use bool) error {
	v, valued := Value{From: r.at()}, false
	for _, a := range start.Attr {
		switch a.Name.Local {
		case "name":
			v.Name = a.Value
		case "value":
			v.Raw, valued = a.Value, true
		case "final":
			v.Final = a.Value == "true"
		}
	}
	for {
		t, err := r.dec.Token()
		if err != nil {
			return unended(err, start)
		}
		switch e := t.(type) {
		case xml.StartElement:
			line := r.at()
			text, err := r.text(e)
			if err != nil {
				return err
			}
			switch e.Name.Local {
			case "name":
				if text != "" {
					v.Name = strings.TrimSpace(text)
				}
			case "value":
				if text != "" {
					v.Raw, v.From, valued = text, line, true
				}
			case "final":
				v.Final = text == "true"
			}
		case xml.EndElement:
			switch {
			case !use:
			case v.Name == "":
				r.note(v.From, "a <property> without <name>", "name it, or remove it")
			default:
				r.c.put(v, valued)
			}
			return nil
		}
	}
}

// text is the text of an element, with that of elements in it.
func (r *reader) text(start xml.StartElement) (string, error) {
	var b strings.Builder
	within := []xml.StartElement{start}
	for len(within) > 0 {
		t, err := r.dec.Token()
		if err != nil {
			return "", unended(err, within[len(within)-1])
		}
		switch e := t.(type) {
		case xml.CharData:
			b.Write(e)
		case xml.StartElement:
			if n := start.Name.Local; n == "name" || n == "value" {
				r.note(r.at(), "<"+e.Name.Local+"> within <"+n+"> is left out, but not its text", "write < as &lt; and & as &amp; in a value")
			}
			within = append(within, e)
		case xml.EndElement:
			within = within[:len(within)-1]
		}
	}
	return b.String(), nil
}
