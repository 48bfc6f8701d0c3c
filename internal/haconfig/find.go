package haconfig

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/hadoopconf"
)

// place is what Load reads: a holdfast.yaml, or Hadoop's directory and further files.
type place struct {
	yaml string
	text []byte

	dir       string
	resources []string
}

func (p place) hadoop() bool { return p.dir != "" || len(p.resources) > 0 }

// find is what to read; nothing at all is not an error: everything may come from elsewhere.
func find(flags []string) (place, error) {
	var p place
	for _, f := range flags {
		st, err := os.Stat(f)
		switch {
		case err == nil && st.IsDir():
			p.dir = f
		case strings.EqualFold(filepath.Ext(f), ".xml"):
			p.resources = append(p.resources, f)
		default:
			if p.text, err = read(f, "-config"); err != nil {
				return p, err
			}
			p.yaml = f
		}
	}
	switch {
	case p.yaml != "" && p.hadoop():
		return p, Problems{{Where: "-config", Text: "both " + p.yaml + " and Hadoop's files are named", Remedy: "name one of them"}}
	case p.yaml != "" || p.dir != "":
		return p, nil
	}
	if dir := os.Getenv(EnvHadoop); dir != "" && (p.hadoop() || os.Getenv(EnvFile) == "") {
		p.dir = dir
		return p, nil
	}
	if p.hadoop() {
		p.dir = usualHadoop()
		return p, nil
	}
	return unnamed()
}

// unnamed looks where the files are by custom.
func unnamed() (p place, err error) {
	if f := os.Getenv(EnvFile); f != "" {
		p.yaml = f
		p.text, err = read(f, EnvFile)
		return p, err
	}
	for _, f := range []string{"holdfast.yaml", SystemFile} {
		text, err := read(f, f)
		if err == nil {
			return place{yaml: f, text: text}, nil
		}
		if _, serr := os.Stat(f); !errors.Is(serr, fs.ErrNotExist) {
			return p, err
		}
	}
	p.dir = usualHadoop()
	return p, nil
}

// usualHadoop is the directory where Hadoop's scripts look when HADOOP_CONF_DIR is not set; empty when there is none.
func usualHadoop() string {
	dirs := []string{"/etc/hadoop/conf", "/etc/hadoop"}
	if home := os.Getenv("HADOOP_HOME"); home != "" {
		dirs = append([]string{filepath.Join(home, "etc", "hadoop")}, dirs...)
	}
	for _, d := range dirs {
		for _, f := range []string{hadoopconf.CoreSite, hadoopconf.HDFSSite} {
			if _, err := os.Stat(filepath.Join(d, f)); err == nil {
				return d
			}
		}
	}
	return ""
}

func read(file, by string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return nil, Problems{{
			Where: by, Text: "cannot read the configuration: " + err.Error(),
			Remedy: "name a readable file; configs/holdfast.yaml is a sample",
		}}
	}
	return text, nil
}
