package admin

import (
	"bytes"
	"encoding/json"
)

// field is one line of an ordered object.
type field struct {
	key   string
	value any
}

// object is a JSON object whose fields keep their order.
type object []field

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := plainJSON(f.key)
		if err != nil {
			return nil, err
		}
		value, err := plainJSON(f.value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// plainJSON is json.Marshal without the escapes for HTML.
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// pretty lays JSON out as the original does (Jackson's default): objects with two spaces of indentation and " : ", arrays
// on one line, "[ ]" and "{ }" when they are empty. compact has no space outside of strings.
func pretty(compact []byte) []byte {
	var b bytes.Buffer
	var open []byte // the brackets around
	depth := 0      // the objects among them
	line := func() {
		b.WriteByte('\n')
		for range depth {
			b.WriteString("  ")
		}
	}
	for i := 0; i < len(compact); i++ {
		c := compact[i]
		switch c {
		case '"':
			end := i + 1
			for ; compact[end] != '"'; end++ {
				if compact[end] == '\\' {
					end++
				}
			}
			b.Write(compact[i : end+1])
			i = end
		case '{', '[':
			if compact[i+1] == c+2 { // its closing bracket, in ASCII
				b.Write([]byte{c, ' ', c + 2})
				i++
				continue
			}
			open = append(open, c)
			b.WriteByte(c)
			if c == '{' {
				depth++
				line()
			} else {
				b.WriteByte(' ')
			}
		case '}':
			open = open[:len(open)-1]
			depth--
			line()
			b.WriteByte(c)
		case ']':
			open = open[:len(open)-1]
			b.WriteString(" ]")
		case ',':
			b.WriteByte(',')
			if open[len(open)-1] == '{' {
				line()
			} else {
				b.WriteByte(' ')
			}
		case ':':
			b.WriteString(" : ")
		default:
			b.WriteByte(c)
		}
	}
	return b.Bytes()
}
