package hadoopconf

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// file reads one file and what it includes; ok is false when it cannot be read. What is wrong inside the file is a
// problem, not an err. open are the files that are being read now.
func (c *Conf) file(path string, open []string) (ok bool, err error) {
	st, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	if !st.Mode().IsRegular() {
		return false, errors.New("is not a file")
	}
	if st.Size() > maxFile {
		return false, fmt.Errorf("has %d bytes: not a configuration file", st.Size())
	}
	text, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return false, err
	}
	(&reader{c: c, path: path, open: append(open, path)}).read(text)
	return true, nil
}

// reader takes one file apart.
type reader struct {
	c    *Conf
	path string
	open []string
	dec  *xml.Decoder
}

func (r *reader) at() Source {
	line, _ := r.dec.InputPos()
	return Source{r.path, line}
}

func (r *reader) problem(from Source, text, remedy string) { r.c.problem(from, text, remedy) }

// read parses text, which may begin with a byte order mark.
func (r *reader) read(text []byte) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		r.problem(Source{r.path, 1}, "the file is UTF-16", "save it as UTF-8")
		return
	}
	r.dec = xml.NewDecoder(bytes.NewReader(text))
	r.dec.CharsetReader = charset
	switch root, err := r.next(); {
	case errors.Is(err, io.EOF):
		r.problem(Source{r.path, 1}, "the file is empty", "it needs at least <configuration></configuration>")
	case err != nil:
		r.syntax(err)
	case root.Name.Local != "configuration":
		r.problem(r.at(), "<"+root.Name.Local+"> where <configuration> was expected", "the outermost element of Hadoop's files is <configuration>")
	default:
		if err := r.section(root, true); err != nil {
			r.syntax(err)
			return
		}
		if _, err := r.next(); err == nil {
			r.problem(r.at(), "a second element begins after </configuration>", "a file has one <configuration>")
		} else if !errors.Is(err, io.EOF) {
			r.syntax(err)
		}
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
	from, text := r.at(), err.Error()
	var se *xml.SyntaxError
	if errors.As(err, &se) {
		from.Line, text = se.Line, se.Msg
	}
	r.problem(from, "not valid XML: "+text, "mend the line, or the element before it")
}

// next is the next element that begins, at the top of the file.
func (r *reader) next() (xml.StartElement, error) {
	for {
		t, err := r.dec.Token()
		if err != nil {
			return xml.StartElement{}, err
		}
		if s, ok := t.(xml.StartElement); ok {
			return s, nil
		}
	}
}

// section reads the content of <configuration>, <include> or <fallback>; use says whether its properties count.
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
			if s := strings.TrimSpace(string(e)); s != "" {
				r.problem(r.at(), fmt.Sprintf("%q stands outside of a <property>", shorten(s)), "remove it")
			}
		case xml.StartElement:
			switch e.Name.Local {
			case "property":
				err = r.property(e, use)
			case "configuration":
				err = r.section(e, use)
			case "include":
				err = r.include(e, use)
			case "fallback":
				err = r.section(e, use && parent.Name.Local != "include")
			default:
				r.problem(r.at(), "unknown element <"+e.Name.Local+">", "here stand <property> and <include>")
				err = r.dec.Skip()
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

// property reads one property, written with elements or with attributes.
func (r *reader) property(start xml.StartElement, use bool) error {
	v := Value{From: r.at()}
	for _, a := range start.Attr {
		switch a.Name.Local {
		case "name":
			v.Name = strings.TrimSpace(a.Value)
		case "value":
			v.Raw = a.Value
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
				v.Name = strings.TrimSpace(text)
			case "value":
				v.Raw, v.From = text, line
			case "final":
				v.Final = text == "true"
			}
		case xml.EndElement:
			switch {
			case !use:
			case v.Name == "":
				r.problem(v.From, "a <property> without <name>", "name it, or remove it")
			default:
				r.c.put(v)
			}
			return nil
		}
	}
}

// text is the content of an element, without what elements in it hold.
func (r *reader) text(start xml.StartElement) (string, error) {
	var b strings.Builder
	for {
		t, err := r.dec.Token()
		if err != nil {
			return "", unended(err, start)
		}
		switch e := t.(type) {
		case xml.CharData:
			b.Write(e)
		case xml.StartElement:
			r.problem(r.at(), "<"+e.Name.Local+"> within <"+start.Name.Local+">", "write < as &lt; and & as &amp; in a value")
			if err := r.dec.Skip(); err != nil {
				return "", err
			}
		case xml.EndElement:
			return b.String(), nil
		}
	}
}

// include reads the file that href names, or what stands in <fallback> when there is no such file.
func (r *reader) include(start xml.StartElement, use bool) error {
	from, href := r.at(), ""
	for _, a := range start.Attr {
		if a.Name.Local == "href" {
			href = strings.TrimSpace(a.Value)
		}
	}
	missing := use && !r.fetch(from, href)
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
				r.problem(from, fmt.Sprintf("the included file %q is not there, and there is no <fallback>", href), "make it, or correct href")
			}
			return nil
		}
	}
}

// fetch reads an included file; false means that there is none.
func (r *reader) fetch(from Source, href string) bool {
	switch {
	case href == "":
		r.problem(from, "<include> without href", "name the file to include")
		return true
	case strings.Contains(href, "://"):
		r.problem(from, fmt.Sprintf("the included %q is not a file", href), "only files can be included")
		return true
	}
	path := strings.TrimPrefix(href, "file:")
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(r.path), path)
	}
	if slices.Contains(r.open, path) || len(r.open) > maxIncludes {
		r.problem(from, fmt.Sprintf("%q is included by itself", href), "remove one of the includes")
		return true
	}
	_, err := r.c.file(path, r.open)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.problem(from, fmt.Sprintf("the included file %q cannot be read: %s", href, reason(err)), "")
		return true
	}
	return err == nil
}
