package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/magiconair/properties"

	"github.com/holdfast-ha/holdfast/internal/vfs"
)

// DynamicFiles keeps the membership of an ensemble in files beside zoo.cfg, under the names the original uses, when
// reconfigEnabled allows it to change:
//
//	zoo.cfg                       loses server.N, group.N, weight.N and peerType, gains dynamicConfigFile=
//	zoo.cfg.bak                   as it was before the first change
//	zoo.cfg.dynamic.<version>     what was decided: the version is the zxid in hexadecimal
//	zoo.cfg.dynamic.next          what is being decided, with a line version=
//
// Each file is replaced in one step and is durable when a method returns.
type DynamicFiles struct {
	FS     vfs.FS
	ZooCfg string
}

// NextDynamicFile is where the membership stands that is being decided.
func NextDynamicFile(zooCfg string) string { return zooCfg + ".dynamic.next" }

// versionOfName takes the version off the end of a dynamic configuration's name: zoo.cfg.dynamic.100000000.
func versionOfName(name string) (int64, bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return 0, false
	}
	v, err := strconv.ParseInt(name[i+1:], 16, 64)
	return v, err == nil && v >= 0
}

// Backup copies zoo.cfg to zoo.cfg.bak, as the original does at the start of a server whose zoo.cfg holds the membership.
func (d DynamicFiles) Backup() error {
	text, err := d.read()
	if err == nil {
		err = d.replace(d.ZooCfg+".bak", text)
	}
	return d.wrap("keeping a copy of it", err)
}

// Propose keeps a membership that is being decided: its text with the line version=.
func (d DynamicFiles) Propose(text []byte) error {
	lines := slices.Sorted(strings.SplitSeq(strings.TrimSpace(string(text)), "\n"))
	return d.wrap("keeping a proposed membership", d.replace(NextDynamicFile(d.ZooCfg), []byte(strings.Join(lines, "\n"))))
}

// Decide keeps a membership that has been decided and lets zoo.cfg name its file. dropClientPort tells that the server's
// own line holds its client address, so that clientPort and clientPortAddress must not stand in zoo.cfg any more.
// Whatever was proposed before is gone afterwards.
func (d DynamicFiles) Decide(version int64, text []byte, dropClientPort bool) error {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n") {
		if !strings.HasPrefix(line, "version") {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	name, err := filepath.Abs(d.ZooCfg)
	if err == nil {
		name += ".dynamic." + strconv.FormatInt(version, 16)
		err = d.replace(name, []byte(strings.Join(lines, "\n")))
	}
	if err != nil {
		return d.wrap("keeping the membership", err)
	}
	old, err := d.read()
	if err == nil {
		if edited := edit(string(old), name, dropClientPort); edited != string(old) {
			err = d.replace(d.ZooCfg, []byte(edited))
		}
	}
	if err != nil {
		return d.wrap("naming the file of the membership ("+name+") in it", err)
	}
	return d.wrap("removing the proposed membership", d.remove(NextDynamicFile(d.ZooCfg)))
}

func (d DynamicFiles) wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("config: %s: %s: %w (the server must be able to write into the directory of its zoo.cfg when reconfigEnabled=true)",
		d.ZooCfg, doing, err)
}

// edit takes the membership out of a zoo.cfg and names the file that holds it. Everything else stays as it is, comments
// included.
func edit(text, dynamicFile string, dropClientPort bool) string {
	lines := physicalLines(text)
	drop := make([]bool, len(lines))
	for _, l := range logicalLines(text) {
		loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
		props, err := loader.LoadBytes([]byte(l.text))
		if err != nil {
			continue
		}
		for _, name := range props.Keys() {
			name = strings.TrimPrefix(strings.TrimSpace(name), "zookeeper.")
			if isMember(name) || name == "dynamicConfigFile" || name == "peerType" ||
				dropClientPort && (name == "clientPort" || name == "clientPortAddress") {
				for i := l.number; i <= l.last; i++ {
					drop[i-1] = true
				}
			}
		}
	}
	var out []string
	for i, line := range lines {
		if !drop[i] {
			out = append(out, line)
		}
	}
	text = strings.TrimRight(strings.Join(out, "\n"), "\n") + "\n"
	escaped := strings.ReplaceAll(filepath.ToSlash(dynamicFile), `\`, `\\`)
	return text + "dynamicConfigFile=" + escaped + "\n"
}

func (d DynamicFiles) read() ([]byte, error) {
	f, err := d.FS.Open(d.ZooCfg)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// replace writes a file anew, in one step.
func (d DynamicFiles) replace(name string, text []byte) error {
	temporary := name + ".tmp"
	if err := d.remove(temporary); err != nil {
		return err
	}
	f, err := d.FS.Create(temporary)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = d.FS.Rename(temporary, name)
	}
	if err == nil {
		err = d.FS.SyncDir(filepath.Dir(name))
	}
	return err
}

func (d DynamicFiles) remove(name string) error {
	err := d.FS.Remove(name)
	if err == nil {
		return d.FS.SyncDir(filepath.Dir(name))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
