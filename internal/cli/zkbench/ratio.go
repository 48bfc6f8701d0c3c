package zkbench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// unit says how a value is printed, and which direction is better.
type unit string

const (
	unitPerSecond unit = "ops/s" // more is better; less is for all others
	unitMicros    unit = "us"
	unitMillis    unit = "ms"
	unitCPU       unit = "cpu_ms_per_1000"
	unitBytes     unit = "bytes"
	unitFactor    unit = "x"
)

// measure is one row of the comparison. The values are the medians of the samples.
type measure struct {
	Scenario string         `json:"scenario"`
	Name     string         `json:"name"`
	Unit     unit           `json:"unit"`
	Original float64        `json:"original"`
	Ours     float64        `json:"ours"`
	Ratio    float64        `json:"ratio"` // ours/original; 0 when it is not defined
	Goal     float64        `json:"goal,omitempty"`
	GoalOf   string         `json:"goal_of,omitempty"` // what the goal bounds: "ratio", or "ours"
	Met      *bool          `json:"met,omitempty"`
	Samples  [2]samplesOnly `json:"samples"` // of the original, of ours
}

// samplesOnly are the values of the rounds.
type samplesOnly []float64

// The two sides of a comparison.
const (
	sideOriginal = iota
	sideOurs
)

// table collects the measures in the order in which they first come.
type table struct{ rows []*measure }

// add notes a sample of one side.
func (t *table) add(side int, scenario, name string, u unit, v float64) {
	i := slices.IndexFunc(t.rows, func(m *measure) bool { return m.Scenario == scenario && m.Name == name })
	if i < 0 {
		i = len(t.rows)
		t.rows = append(t.rows, &measure{Scenario: scenario, Name: name, Unit: u})
	}
	t.rows[i].Samples[side] = append(t.rows[i].Samples[side], v)
}

// goals are what zkserver promises against the original.
var goals = []struct {
	scenario, name string // a name that ends in a star is a beginning
	max            float64
	of             string
}{
	{"reads", "cpu*", 0.3, "ratio"},
	{"writes", "cpu*", 0.4, "ratio"},
	{"reads", "p99*", 1, "ratio"},
	{"writes", "p99*", 1, "ratio"},
	{"fanout", "last of*", 0.5, "ratio"},
	{"fanout", "cpu*", 0.5, "ratio"},
	{"fanout", "writer waits*", 1, "ratio"},
	{"tree", "resident*", 0.5, "ratio"},
	{"tree", "restart*", 0.2, "ratio"},
	{"tree", "p99 during a snapshot / without", 2, "ours"},
	{"start", "until it answers*", 0.2, "ratio"},
	{"failover", "a write is acknowledged*", 150, "ours"},
	{"join", "serves again*", 1000, "ours"},
	{"memory", "resident*", 1. / 3, "ratio"},
	{"memory", "killed, until it answers*", 3000, "ours"},
	{"memory", "p99 during a join / without", 2, "ours"},
}

// finish computes medians, ratios and whether the goals are met.
func (t *table) finish() {
	for _, m := range t.rows {
		m.Original, m.Ours = median(m.Samples[sideOriginal]), median(m.Samples[sideOurs])
		m.Ratio = 0
		if m.Original > 0 {
			m.Ratio = m.Ours / m.Original
		}
		for _, g := range goals {
			prefix, open := strings.CutSuffix(g.name, "*")
			if m.Scenario != g.scenario || m.Name != g.name && (!open || !strings.HasPrefix(m.Name, prefix)) {
				continue
			}
			v := m.Ours
			if g.of == "ratio" {
				v = m.Ratio
			}
			met := v <= g.max
			m.Goal, m.GoalOf, m.Met = g.max, g.of, &met
		}
	}
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	if mid := len(s) / 2; len(s)%2 == 0 {
		return (s[mid-1] + s[mid]) / 2
	}
	return s[len(s)/2]
}

// print writes the table for people.
func (t *table) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	last := ""
	for _, m := range t.rows {
		if m.Scenario != last {
			_, _ = fmt.Fprintf(w, "%s\toriginal\tzkserver\tratio\tgoal\t\n", strings.ToUpper(m.Scenario))
			last = m.Scenario
		}
		ratio, goal := "-", ""
		if m.Ratio > 0 {
			ratio = fmt.Sprintf("%.2f", m.Ratio)
			if m.Ratio < 0.1 {
				ratio = fmt.Sprintf("%.3f", m.Ratio)
			}
		}
		if m.Met != nil {
			goal = fmt.Sprintf("<= %.2g", m.Goal)
			if m.GoalOf == "ours" {
				goal = "ours <= " + strings.TrimSuffix(m.Unit.format(m.Goal), ".00x")
			}
			if *m.Met {
				goal += " met"
			} else {
				goal += " MISSED"
			}
		}
		_, _ = fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t\n", m.Name, m.Unit.format(m.Original), m.Unit.format(m.Ours), ratio, goal)
	}
	return w.Flush()
}

// format prints a value with the unit that suits it.
func (u unit) format(v float64) string {
	switch u {
	case unitPerSecond:
		return fmt.Sprintf("%.0f/s", v)
	case unitMicros:
		return micros(int64(math.Round(v)))
	case unitMillis:
		return micros(int64(math.Round(v * 1000)))
	case unitCPU:
		return fmt.Sprintf("%.2f CPU-ms", v)
	case unitBytes:
		return fmt.Sprintf("%.1f MiB", v/(1<<20))
	default:
		return fmt.Sprintf("%.2fx", v)
	}
}
