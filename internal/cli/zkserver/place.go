package zkserver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// source is where the configuration comes from.
type source struct {
	input    config.Input
	name     string // for messages
	warnings config.Problems
}

// source finds the configuration as zkServer.sh does: a path as it is, a plain name in the configuration's directory, and
// zoo.cfg there when nothing is given.
func (f *flags) source(args []string) *source {
	src := &source{}
	if dir := os.Getenv("ZOO_LOG_DIR"); dir != "" { // zkServer.sh hands it on, before the flags, for the audit log
		src.input.Properties = append(src.input.Properties, config.Setting{Origin: "ZOO_LOG_DIR", Name: "zookeeper.log.dir", Value: dir})
	}
	for _, name := range []string{"SERVER_JVMFLAGS", "JVMFLAGS"} {
		settings, warnings := config.ParseJVMFlags(name, os.Getenv(name))
		src.input.Properties = append(src.input.Properties, settings...)
		src.warnings = append(src.warnings, warnings...)
	}
	if os.Getenv("ZOO_DATADIR_AUTOCREATE_DISABLE") != "" {
		src.input.Properties = append(src.input.Properties,
			config.Setting{Origin: "ZOO_DATADIR_AUTOCREATE_DISABLE", Name: "zookeeper.datadir.autocreate", Value: "false"})
	}
	for _, def := range f.defines {
		src.input.Properties = append(src.input.Properties, config.ParseProperty("command line", def))
	}
	if id := os.Getenv("ZOO_MY_ID"); id != "" { // the official image's start script writes it to the file myid
		src.input.Properties = append(src.input.Properties, config.Setting{Origin: "ZOO_MY_ID", Name: "zookeeper.myid", Value: id})
	}
	src.input.File = f.file(args)
	src.name = src.input.File
	if _, err := os.Stat(src.input.File); len(args) == 0 && errors.Is(err, os.ErrNotExist) {
		settings, warnings, ok := config.FromEnvironment(os.Environ())
		if ok {
			src.input.File, src.input.Environment, src.name = "", settings, "the environment (ZOO_...)"
			src.warnings = append(src.warnings, warnings...)
		}
	}
	return src
}

// file is the path of the configuration.
func (f *flags) file(args []string) string {
	dir := f.configDir
	if dir == "" {
		dir = os.Getenv("ZOOCFGDIR")
	}
	if len(args) > 0 {
		name := args[0]
		if inDir := filepath.Join(dir, name); dir != "" && filepath.Base(name) == name && exists(inDir) {
			return inDir
		}
		return name
	}
	name := os.Getenv("ZOOCFG")
	if name == "" {
		name = "zoo.cfg"
	}
	if dir == "" {
		if dir = filepath.Join(prefix(), "conf"); !exists(dir) {
			dir = filepath.Join(prefix(), "etc", "zookeeper")
		}
	}
	return filepath.Join(dir, name)
}

// mistyped refuses a word that looks like a command that there is not, and is no configuration either.
func (f *flags) mistyped(word string) error {
	if strings.ContainsAny(word, `./\`) || exists(f.file([]string{word})) {
		return nil
	}
	return &exitError{exitUsage, fmt.Errorf("%q is no command, and no configuration of that name is there; the commands are "+
		"start, start-foreground, stop, restart, status, version, print-cmd, check, init and force-new-cluster", word)}
}

// prefix is the directory above the program's.
func prefix() string {
	program, err := os.Executable()
	if err != nil {
		return ".."
	}
	return filepath.Dir(filepath.Dir(program))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// properties are the settings that do not stand in a file, by the names that they have as properties of the original.
func (src *source) properties() map[string]string {
	m := map[string]string{}
	for _, p := range src.input.Properties {
		m[p.Name] = p.Value
	}
	for _, p := range src.input.Environment {
		m["zookeeper."+p.Name] = p.Value
	}
	return m
}

// load reads the configuration; the error is one for Main.
func (src *source) load() (config.Config, config.Problems, error) {
	cfg, warnings, err := src.input.Load()
	warnings = append(append(config.Problems(nil), src.warnings...), warnings...)
	var list config.Problems
	if errors.As(err, &list) && len(list) > 0 {
		err = fmt.Errorf("%s cannot be used, %d problem(s):\n%w", src.name, len(list), err)
	}
	if err != nil {
		err = &exitError{exitUsage, err}
	}
	return cfg, warnings, err
}
