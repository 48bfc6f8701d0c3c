package hademo

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// columns of the closing table, durations in milliseconds.
var columns = []struct {
	title string
	value func(Result) string
}{
	{"act", func(r Result) string { return r.Act }},
	{"moved", func(r Result) string {
		if r.From == r.To {
			return "-"
		}
		return r.From + ">" + r.To
	}},
	{"detect", func(r Result) string { return phase(r, r.Detect) }},
	{"lock", func(r Result) string { return phase(r, r.Lock) }},
	{"fence", func(r Result) string { return phase(r, r.Fence) }},
	{"promote", func(r Result) string { return phase(r, r.Promote) }},
	{"1st write", func(r Result) string { return phase(r, r.FirstWrite) }},
	{"total ms", func(r Result) string { return ms(r.Total) }},
	{"client gap", func(r Result) string { return ms(r.Gap) }},
	{"zk gap", func(r Result) string { return ms(r.ZKGap) }},
	{"acked", func(r Result) string { return thousands(r.Acked) }},
	{"lost", func(r Result) string { return thousands(r.Lost) }},
	{"dual", func(r Result) string { return thousands(r.DualActive) }},
}

func phase(r Result, d time.Duration) string {
	if r.From == r.To {
		return "-"
	}
	return ms(d)
}

// ms prints a duration in milliseconds, with one decimal below 100.
func ms(d time.Duration) string {
	if m := float64(d) / 1e6; m < 100 {
		return fmt.Sprintf("%.1f", m)
	}
	return thousands(int(d.Round(time.Millisecond) / time.Millisecond))
}

// thousands prints a number with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Table lays out the results in aligned columns.
func Table(results []Result) string {
	rows := [][]string{make([]string, len(columns))}
	for i, c := range columns {
		rows[0][i] = c.title
	}
	for _, r := range results {
		row := make([]string, len(columns))
		for i, c := range columns {
			row[i] = c.value(r)
		}
		rows = append(rows, row)
	}
	width := make([]int, len(columns))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len(cell))
		}
	}
	var b strings.Builder
	for n, row := range rows {
		for i, cell := range row {
			if i < 2 {
				fmt.Fprintf(&b, "%-*s  ", width[i], cell)
			} else {
				fmt.Fprintf(&b, "%*s  ", width[i], cell)
			}
		}
		b.WriteByte('\n')
		if n == 0 {
			for _, w := range width {
				b.WriteString(strings.Repeat("-", w) + "  ")
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// Summary is the closing page: the table, the median of each act when it was played several times, and the verdict.
func Summary(w io.Writer, results []Result) {
	if len(results) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", Table(results))
	if meds := medians(results); meds != nil {
		fmt.Fprintf(w, "medians\n%s\n", Table(meds))
	}
	acked, lost, dual := 0, 0, 0
	for _, r := range results {
		acked += r.Acked
		lost += r.Lost
		dual = max(dual, r.DualActive)
	}
	fmt.Fprintf(w, "%s writes acknowledged, %s lost, %s moments with two writers in one epoch.\n",
		thousands(acked), thousands(lost), thousands(dual))
	fmt.Fprintln(w, "Times in milliseconds. total: from the fault to the first write that the new active acknowledged. client gap and")
	fmt.Fprintln(w, "zk gap: the longest wait of the client that writes files, and of one that writes to the zkservers (lose-quorum: a second is the fault).")
}

// medians gives one row per act, in order of appearance; nil when every act was played once.
func medians(results []Result) []Result {
	byAct := make(map[string][]Result)
	var order []string
	for _, r := range results {
		if byAct[r.Act] == nil {
			order = append(order, r.Act)
		}
		byAct[r.Act] = append(byAct[r.Act], r)
	}
	if len(order) == len(results) {
		return nil
	}
	var meds []Result
	for _, name := range order {
		rs := byAct[name]
		med := func(f func(Result) time.Duration) time.Duration {
			ds := make([]time.Duration, len(rs))
			for i, r := range rs {
				ds[i] = f(r)
			}
			slices.Sort(ds)
			return (ds[(len(ds)-1)/2] + ds[len(ds)/2]) / 2
		}
		m := Result{Act: name, From: rs[0].From, To: rs[0].To}
		m.Detect = med(func(r Result) time.Duration { return r.Detect })
		m.Lock = med(func(r Result) time.Duration { return r.Lock })
		m.Fence = med(func(r Result) time.Duration { return r.Fence })
		m.Promote = med(func(r Result) time.Duration { return r.Promote })
		m.FirstWrite = med(func(r Result) time.Duration { return r.FirstWrite })
		m.Total = med(func(r Result) time.Duration { return r.Total })
		m.Takeover = med(func(r Result) time.Duration { return r.Takeover })
		m.Gap = med(func(r Result) time.Duration { return r.Gap })
		m.ZKGap = med(func(r Result) time.Duration { return r.ZKGap })
		for _, r := range rs {
			m.Acked += r.Acked
			m.Lost += r.Lost
			m.DualActive = max(m.DualActive, r.DualActive)
		}
		meds = append(meds, m)
	}
	return meds
}
