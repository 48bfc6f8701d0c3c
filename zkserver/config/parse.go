package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/magiconair/properties"
)

// Setting is one key and value that does not stand in a file: a system property, or a variable of the environment.
type Setting struct {
	Origin string // where it was given, for messages: a flag, SERVER_JVMFLAGS, ZOO_TICK_TIME
	Name   string // as it was given, without the -D
	Value  string
}

// Input is everything a configuration is made of.
type Input struct {
	// File is the zoo.cfg, Text its content when it has been read already.
	File string
	Text []byte
	// Environment takes the place of the file when File is empty: see FromEnvironment.
	Environment []Setting
	// Properties are system properties: see ParseJVMFlags. What the file says counts more.
	Properties []Setting
	// ReadFile reads the file and the dynamic configuration file it may name; nil for os.ReadFile.
	ReadFile func(string) ([]byte, error)
}

// Load reads a zoo.cfg. The warnings name settings that do nothing here; the error is Problems when the file could be
// read and holds some.
func Load(file string) (Config, Problems, error) { return Input{File: file}.Load() }

// Parse is Load on a file's text; file is its name for messages.
func Parse(file string, text []byte) (Config, Problems, error) {
	if text == nil {
		text = []byte{}
	}
	return Input{File: file, Text: text}.Load()
}

// Load makes the configuration. The warnings and the error are as with the function Load.
func (in Input) Load() (Config, Problems, error) {
	if in.ReadFile == nil {
		in.ReadFile = os.ReadFile
	}
	p := parser{cfg: Default(), seen: map[string]place{}, table: newTable(), readFile: in.ReadFile}
	p.cfg.AdminEnabled = true
	for _, s := range in.Properties {
		p.file = s.Origin
		p.property(s.Name, s.Value)
	}
	p.fromProperties, p.seen = p.seen, map[string]place{}
	p.file, p.cfg.Source = in.File, in.File
	if in.File == "" {
		p.cfg.Source = environment
		for _, s := range in.Environment {
			p.file = s.Origin
			p.pair(0, s.Name, s.Value)
		}
		p.file = ""
	} else if err := p.whole(in.Text); err != nil {
		return Config{}, nil, err
	}
	p.finish()
	p.warnings = p.warnings.sorted()
	if len(p.problems) > 0 {
		return p.cfg, p.warnings, p.problems
	}
	return p.cfg, p.warnings, nil
}

// place is where a key was given.
type place struct {
	file string
	line int
}

type parser struct {
	file     string // of the current line
	cfg      Config
	table    *table
	metrics  metrics
	seen     map[string]place
	readFile func(string) ([]byte, error)

	sslAuthProvider string

	peerType      string       // as zoo.cfg has it
	memberLines   []memberLine // server.N, group.N and weight.N
	ensembleLines []memberLine // other keys that only matter in an ensemble

	fromProperties map[string]place
	warnings       Problems
	problems       Problems
}

// whole reads a whole file.
func (p *parser) whole(text []byte) error {
	if text == nil {
		var err error
		if text, err = p.readFile(p.file); err != nil {
			return fmt.Errorf("config: %w (give the path of a zoo.cfg)", err)
		}
	}
	if !utf8.Valid(text) {
		p.problem(0, "", "is not UTF-8 text", "save it as UTF-8")
		return p.problems
	}
	for _, l := range logicalLines(string(text)) {
		p.line(l)
	}
	return nil
}

func (p *parser) problem(line int, key, reason, remedy string) {
	p.problems = append(p.problems, Problem{File: p.file, Line: line, Key: key, Reason: reason, Remedy: remedy})
}

func (p *parser) warn(line int, key, reason string) {
	p.warnings = append(p.warnings, Problem{File: p.file, Line: line, Key: key, Reason: reason})
}

func (p *parser) line(l logicalLine) {
	loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
	props, err := loader.LoadBytes([]byte(l.text))
	if err != nil {
		p.problem(l.number, "", "cannot be read: "+err.Error(), "write key=value")
		return
	}
	for _, name := range props.Keys() {
		value, _ := props.Get(name)
		p.pair(l.number, strings.TrimSpace(name), strings.TrimSpace(value))
		if name == "dataDir" || name == "dataLogDir" {
			p.otherLetters(l, name)
		}
	}
}

// otherLetters tells of a directory that has another name with the original, which reads the file as ISO 8859-1: the data that it has
// written are not where this server looks, and a new, empty tree would be the only sign of it.
func (p *parser) otherLetters(l logicalLine, name string) {
	if !strings.ContainsFunc(l.text, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return
	}
	loader := properties.Loader{Encoding: properties.ISO_8859_1, DisableExpansion: true}
	if props, err := loader.LoadBytes([]byte(l.text)); err == nil {
		there, _ := props.Get(name)
		p.warn(l.number, name, fmt.Sprintf("the original reads its letters beyond ASCII as others, and has its data in %s: write them as \\uXXXX, "+
			"which means the same to both", strings.TrimSpace(there)))
	}
}

// given is the warning of a key that was given there, and is given again.
func (at place) given() string {
	if at.line == 0 {
		return "given before, in " + at.file + "; this counts"
	}
	return fmt.Sprintf("given before in line %d; this line counts", at.line)
}

// pair takes a line of zoo.cfg.
func (p *parser) pair(line int, name, value string) {
	k, known := p.table.find(name)
	if known && k.flagOnly {
		k, known = nil, false
	}
	id := name
	if known && !strings.HasSuffix(k.name, ".") {
		id = k.name // whichever of its names was used
	}
	if before, ok := p.seen[id]; ok {
		p.warn(line, name, before.given())
	} else if before, ok := p.fromProperties[id]; ok {
		p.warn(line, name, fmt.Sprintf("given in %s, too; what stands here counts", before.file))
	}
	p.seen[id] = place{p.file, line}
	if known && k.isMember() {
		p.memberLines = append(p.memberLines, memberLine{place{p.file, line}, name, value})
		return
	}
	p.apply(k, line, name, value)
}

// property takes a system property.
func (p *parser) property(name, value string) {
	k, known := p.table.find(name)
	switch {
	case !isOurs(name):
		reason := "accepted, has no meaning here: there is no JVM"
		if known {
			reason = "is no system property of ZooKeeper and does nothing, as with the original: give -Dzookeeper." + name
		}
		p.warn(0, "-D"+name, reason)
		return
	case known && k.fileOnly:
		p.warn(0, "-D"+name, "does nothing as a system property, as with the original: it belongs into zoo.cfg")
		return
	case known:
		p.seen[k.name] = place{p.file, 0}
	}
	p.apply(k, 0, "-D"+name, value)
}

// apply does what a key says; k is nil for an unknown one.
func (p *parser) apply(k *key, line int, shown, value string) {
	var err error
	switch {
	case k == nil:
		p.unknown(line, shown)
	case k.metric != nil:
		err = k.metric(&p.metrics, value)
	case k.set != nil:
		if err = k.set(&p.cfg, value); k.ensemble {
			p.ensembleLines = append(p.ensembleLines, memberLine{place{p.file, line}, shown, value})
		}
		switch {
		case err != nil:
		case k.name == "dynamicConfigFile":
			p.dynamic(line, value)
		case k.name == "ssl.authProvider":
			p.sslAuthProvider = value
		case k.name == "peerType":
			p.peerType = strings.ToLower(value)
		}
	case k.refuse != nil:
		if k.refuse(value) {
			p.problem(line, shown, k.why, "remove it, or stay with the original until then")
		}
	default:
		p.warn(line, shown, "accepted, has no meaning "+k.why)
	}
	var bad *badValue
	var taken remarked
	switch {
	case errors.As(err, &bad):
		p.problem(line, shown, bad.reason, bad.remedy)
	case errors.As(err, &taken):
		p.warn(line, shown, string(taken))
	}
}

func (p *parser) unknown(line int, shown string) {
	remedy := "remove the line"
	prefix, name := "", shown
	if rest, ok := strings.CutPrefix(shown, "-Dzookeeper."); ok {
		prefix, name, remedy = "-Dzookeeper.", rest, "remove it"
	}
	if like := p.table.nearest(name); like != "" {
		remedy = "did you mean " + prefix + like + "?"
	}
	p.problem(line, shown, "unknown key", remedy)
}

// finish checks what only the whole shows.
func (p *parser) finish() {
	p.finishServers()
	p.finishTLS()
	p.finishMetrics()
	if p.cfg.EnsembleNames != "" && !p.cfg.EnsembleAuth {
		at := p.given("ensembleAuthName")
		p.file = at.file
		p.warn(at.line, "ensembleAuthName", "accepted, but clients are not compared with it: no authProvider.N names the EnsembleAuthenticationProvider")
	}
	for _, text := range p.cfg.demandWarnings() {
		at := p.given("enforce.auth.schemes")
		p.file = at.file
		p.warn(at.line, "enforce.auth.schemes", text)
	}
	if p.cfg.ReadOnlyMode && !slices.Contains(p.cfg.Commands, "isro") {
		p.cfg.Commands = append(p.cfg.Commands, "isro")
	}
	var more Problems
	if errors.As(p.cfg.Validate(), &more) {
		for _, m := range more {
			if at := p.given(m.Key); at != (place{}) {
				if m.File, m.Line = at.file, at.line; p.has(at) {
					continue // the line has been reported already
				}
			}
			p.problems = append(p.problems, m)
		}
	}
}

// given is where a key was given that counts: in the file, or else as a property.
func (p *parser) given(name string) place {
	if at, ok := p.seen[name]; ok {
		return at
	}
	return p.fromProperties[name]
}

func (p *parser) has(at place) bool {
	return slices.ContainsFunc(p.problems, func(q Problem) bool { return q.File == at.file && q.Line == at.line })
}
