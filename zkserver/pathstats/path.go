package pathstats

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cut is the path up to a depth. Empty parts do not count: only a sync can have any.
func cut(path string, depth int) string {
	if len(path) < 2 || path[0] != '/' || strings.Contains(path, "//") || path[len(path)-1] == '/' {
		parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
		return "/" + strings.Join(parts[:min(len(parts), depth)], "/")
	}
	for i := 1; i < len(path); i++ {
		if path[i] != '/' {
			continue
		}
		if depth--; depth == 0 {
			return path[:i]
		}
	}
	return path
}

// parent is the line that a path counts for when it has none of its own: "/a/*" for "/a/b", "/*" for "/a/*" and for "/".
func parent(path string) string {
	up := strings.TrimSuffix(path, "/*")
	return up[:max(0, strings.LastIndexByte(up, '/'))] + "/*"
}

// Printable is the path as it can stand in a line of a log: a sync may name anything.
func Printable(path string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }
	if strings.IndexFunc(path, odd) < 0 {
		return path
	}
	quoted := strconv.QuoteToGraphic(path)
	return quoted[1 : len(quoted)-1]
}
