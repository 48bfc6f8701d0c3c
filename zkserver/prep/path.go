package prep

// validPath tells whether a path may name a znode: absolute, no empty name, no "." or "..", and none of the characters
// that PathUtils.validatePath refuses: control characters, surrogates (so nothing outside the basic plane), private use
// and specials.
func validPath(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	if len(path) == 1 {
		return true
	}
	if path[len(path)-1] == '/' {
		return false
	}
	start := 1 // of the current name
	ascii := true
	for i := 1; i < len(path); i++ {
		switch b := path[i]; {
		case b == '/':
			if !validName(path[start:i]) {
				return false
			}
			start = i + 1
		case b <= 0x1f || b == 0x7f:
			return false
		case b >= 0x80:
			ascii = false
		}
	}
	return validName(path[start:]) && (ascii || validRunes(path))
}

func validName(name string) bool { return name != "" && name != "." && name != ".." }

func validRunes(path string) bool {
	for _, r := range path {
		if r >= 0x7f && r <= 0x9f || r >= 0xd800 && r <= 0xf8ff || r >= 0xfff0 {
			return false
		}
	}
	return true
}
