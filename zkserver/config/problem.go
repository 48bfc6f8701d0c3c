package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing wrong in a configuration file, or (as a warning) one setting that does nothing here.
type Problem struct {
	File   string
	Line   int // 1 for the first; 0 when it is about no line in particular
	Key    string
	Reason string
	Remedy string // what to do; may be empty
}

// String is one line: file:line: key: reason; remedy.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			b.WriteString(":" + strconv.Itoa(p.Line))
		}
		b.WriteString(": ")
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Reason)
	if p.Remedy != "" {
		b.WriteString("; " + p.Remedy)
	}
	return b.String()
}

// Problems is an error that lists all of them, one on each line.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// sorted puts the problems of each file in the order of its lines, those of no line at the end.
func (p Problems) sorted() Problems {
	first := map[string]int{}
	for i := range p {
		if _, ok := first[p[i].File]; !ok {
			first[p[i].File] = i
		}
	}
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(first[a.File], first[b.File]), cmp.Compare(uint(a.Line)-1, uint(b.Line)-1)) // 0 is last
	})
	return p
}

// nearest is the known key most like the given one, or "" when none is like it.
func (t *table) nearest(key string) string {
	best, least := "", max(2, len(key)/3)+1
	lower := strings.ToLower(key)
	for _, name := range t.names {
		if abs(len(name)-len(key)) >= least {
			continue
		}
		if d := distance(lower, strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	return best
}

// distance is the number of insertions, deletions and replacements of a byte that turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
