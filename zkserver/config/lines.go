package config

import "strings"

// logicalLine is one key and value, with the numbers of the lines it begins and ends on.
type logicalLine struct {
	number, last int
	text         string
}

// physicalLines are the lines of a text, without their ends.
func physicalLines(text string) []string {
	return strings.Split(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), "\n")
}

// logicalLines splits by the rules of .properties files: comments and blank lines are left out, and a line that ends in
// an odd number of backslashes goes on with the next one.
func logicalLines(text string) []logicalLine {
	var out []logicalLine
	lines := physicalLines(text)
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
		l.last = i + 1
		out = append(out, l)
	}
	return out
}

func continues(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}
