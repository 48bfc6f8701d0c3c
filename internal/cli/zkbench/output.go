package zkbench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// print writes the report for people.
func (r *report) print(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s: %s\n", r.Preset, r.Server, r.Mix)
	load := fmt.Sprintf("%d connections x %d requests in flight", r.Connections, r.Outstanding)
	if r.OfferedPerS > 0 {
		load = fmt.Sprintf("%.0f requests per second over %d connections (99 %% sent within %s of when due)", r.OfferedPerS, r.Connections,
			micros(r.SendLagP99))
	}
	fmt.Fprintf(&b, "%s, %d-byte values, %d keys; %.1f s measured after %.1f s of warm-up\n\n",
		load, r.ValueBytes, r.Keys, r.MeasuredS, r.WarmupS)
	t := tabwriter.NewWriter(&b, 0, 0, 3, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "operation\tcount\tper second\tmean\tp50\tp99\tp999\tmax\t")
	rows := r.PerOp
	if len(rows) != 1 {
		rows = append(slices.Clone(rows), r.All)
	}
	for _, l := range rows {
		_, _ = fmt.Fprintf(t, "%s\t%d\t%.0f\t%s\t%s\t%s\t%s\t%s\t\n", l.Op, l.Count, l.PerSecond,
			micros(int64(l.Mean)), micros(l.P50), micros(l.P99), micros(l.P999), micros(l.Max))
	}
	_ = t.Flush()
	b.WriteByte('\n')
	if r.ErrorCount == 0 {
		b.WriteString("errors:    none\n")
	}
	for _, e := range slices.Sorted(maps.Keys(r.Errors)) {
		fmt.Fprintf(&b, "errors:    %d x %s\n", r.Errors[e], e)
	}
	if p := r.ServerProc; p.Omitted != "" {
		fmt.Fprintf(&b, "server:    CPU not measured: %s\n", p.Omitted)
	} else {
		fmt.Fprintf(&b, "server:    %.4f CPU-s per 1,000 operations (%.2f CPU-s), %.1f MiB resident\n",
			p.CPUSPer1000, p.CPUS, float64(p.ResidentBytes)/(1<<20))
	}
	if g := r.Generator; g != nil {
		fmt.Fprintf(&b, "generator: %.2f us of CPU per operation (%.2f CPU-s)\n", g.CPUUSPerOp, g.CPUS)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// micros prints microseconds with the unit that suits them.
func micros(us int64) string {
	switch {
	case us < 1000:
		return fmt.Sprintf("%dus", us)
	case us < 1_000_000:
		return fmt.Sprintf("%.2fms", float64(us)/1e3)
	default:
		return fmt.Sprintf("%.2fs", float64(us)/1e6)
	}
}
