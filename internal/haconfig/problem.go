package haconfig

import (
	"fmt"
	"strings"
)

// Problem is one thing wrong with the configuration.
type Problem struct {
	Where  string // "holdfast.yaml:12", "HOLDFAST_NODE", "-D node"; empty when nothing was set
	Key    string // "zookeeper.quorum"; empty when it concerns no single key
	Text   string // what is wrong
	Remedy string // how to mend it; may be empty
	// Java is the exception with which the original ends for the same reason, as it prints it; may be empty.
	Java string
	// Fatal marks what ends every program of the original with an exception and exit code 1, haadmin included.
	Fatal bool
}

func (p Problem) String() string {
	var b strings.Builder
	for _, s := range []string{p.Where, p.Key} {
		if s != "" {
			b.WriteString(s + ": ")
		}
	}
	b.WriteString(p.Text)
	if p.Remedy != "" {
		b.WriteString("; " + p.Remedy)
	}
	return b.String()
}

// Fatal tells whether one of ps is.
func (ps Problems) Fatal() bool {
	for _, p := range ps {
		if p.Fatal {
			return true
		}
	}
	return false
}

// Problems is the error of Load: everything wrong, in the order of the file and then of the checks.
type Problems []Problem

func (ps Problems) Error() string {
	if len(ps) == 1 {
		return ps[0].String()
	}
	lines := make([]string, 0, len(ps)+1)
	lines = append(lines, fmt.Sprintf("%d problems in the configuration:", len(ps)))
	for _, p := range ps {
		lines = append(lines, "  "+p.String())
	}
	return strings.Join(lines, "\n")
}

// origins remembers where each key was set, under its lower-case path; list entries count from 0.
type origins map[string]string

func (o origins) set(key, where string) { o[strings.ToLower(key)] = where }

// of finds where key, or the nearest thing around it, was set.
func (o origins) of(key string) string {
	for k := strings.ToLower(key); k != ""; {
		if w, ok := o[k]; ok {
			return w
		}
		i := strings.LastIndexByte(k, '.')
		if i < 0 {
			break
		}
		k = k[:i]
	}
	return ""
}

// nearest is the candidate that a misspelt word most probably means; empty when none is near.
func nearest(word string, candidates []string) string {
	best, bestDist := "", 3
	if n := len(word) / 3; n+1 < bestDist {
		bestDist = n + 1
	}
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d < bestDist {
			best, bestDist = c, d
		}
	}
	return best
}

// distance is how many letters have to be added, removed, replaced or swapped with their neighbour.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
