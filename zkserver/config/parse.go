package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/magiconair/properties"
)

// Load reads a zoo.cfg. The warnings name settings that do nothing here; the error is Problems when the file could be
// read and holds some.
func Load(file string) (Config, Problems, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Config{}, nil, fmt.Errorf("config: %w (give the path of a zoo.cfg)", err)
	}
	return Parse(file, text)
}

// Parse is Load on a file's text; file is its name for messages.
func Parse(file string, text []byte) (Config, Problems, error) {
	p := parser{file: file, cfg: Default(), seen: map[string]int{}}
	p.cfg.Source = file
	if !utf8.Valid(text) {
		p.problem(0, "", "is not UTF-8 text", "save it as UTF-8")
		return p.cfg, nil, p.problems
	}
	for _, l := range logicalLines(string(text)) {
		p.line(l)
	}
	p.finish()
	if len(p.problems) > 0 {
		return p.cfg, p.warnings, p.problems
	}
	return p.cfg, p.warnings, nil
}

type parser struct {
	file     string
	cfg      Config
	metrics  metrics
	servers  []string // the server.N lines so far
	seen     map[string]int
	warnings Problems
	problems Problems
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
	}
}

func (p *parser) pair(line int, name, value string) {
	if before, ok := p.seen[name]; ok {
		p.warn(line, name, fmt.Sprintf("given before in line %d; this line counts", before))
	}
	p.seen[name] = line
	if isServer(name) {
		p.servers = append(p.servers, name)
		if len(p.servers) == 2 {
			p.problem(line, name, "this version runs single servers only, and the file names more than one",
				"remove the server.N lines; ensembles come with a later release")
		}
		return
	}
	if strings.HasPrefix(name, "group.") || strings.HasPrefix(name, "weight.") {
		p.warn(line, name, noAlone)
		return
	}
	err := p.apply(line, name, value)
	var bad *badValue
	if errors.As(err, &bad) {
		p.problem(line, name, bad.reason, bad.remedy)
	}
}

func (p *parser) apply(line int, name, value string) error {
	if known, err := p.metrics.set(name, value); known {
		return err
	}
	k, ok := findKey(name)
	switch {
	case !ok:
		remedy := "remove the line"
		if like := nearest(name); like != "" {
			remedy = "did you mean " + like + "?"
		}
		p.problem(line, name, "unknown key", remedy)
		return nil
	case k.set == nil:
		p.warn(line, name, k.note)
		return nil
	default:
		return k.set(&p.cfg, value)
	}
}

// isServer tells whether the key is server.N, N a number.
func isServer(name string) bool {
	n, ok := strings.CutPrefix(name, "server.")
	return ok && n != "" && strings.Trim(n, "0123456789") == ""
}

// finish checks what only the whole file shows.
func (p *parser) finish() {
	if len(p.servers) == 1 {
		p.warn(p.seen[p.servers[0]], p.servers[0], "accepted, has no meaning for a single server: it runs standalone")
	}
	p.cfg.MetricsAddr = p.metrics.addr()
	p.cfg.MetricsNoRuntime = p.metrics.noRuntime
	if line, ok := p.seen["metricsProvider.httpPort"]; ok && p.cfg.MetricsAddr == "" {
		p.warn(line, "metricsProvider.httpPort", "accepted, but no endpoint is opened: metricsProvider.className does not name "+
			"the PrometheusMetricsProvider")
	}
	if _, ok := p.seen["clientPort"]; !ok {
		p.problem(0, "clientPort", "missing", "add a line such as clientPort=2181")
	}
	var more Problems
	if errors.As(p.cfg.Validate(), &more) {
		for _, m := range more {
			if line, ok := p.seen[m.Key]; ok {
				if m.Line = line; p.has(line) {
					continue // the line has been reported already
				}
			}
			p.problems = append(p.problems, m)
		}
	}
}

func (p *parser) has(line int) bool {
	for _, q := range p.problems {
		if q.Line == line {
			return true
		}
	}
	return false
}

// logicalLine is one key and value, with the number of the line it begins on.
type logicalLine struct {
	number int
	text   string
}

// logicalLines splits by the rules of .properties files: comments and blank lines are left out, and a line that ends in
// an odd number of backslashes goes on with the next one.
func logicalLines(text string) []logicalLine {
	var out []logicalLine
	lines := strings.Split(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		first := strings.TrimLeft(lines[i], " \t\f\ufeff")
		if first == "" || first[0] == '#' || first[0] == '!' {
			continue
		}
		l := logicalLine{number: i + 1, text: first}
		for continues(l.text) && i+1 < len(lines) {
			i++
			l.text = l.text[:len(l.text)-1] + strings.TrimLeft(lines[i], " \t\f")
		}
		if continues(l.text) {
			l.text = l.text[:len(l.text)-1]
		}
		out = append(out, l)
	}
	return out
}

func continues(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}
