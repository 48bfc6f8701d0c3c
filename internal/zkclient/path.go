package zkclient

import (
	"errors"
	"fmt"
	"strings"
)

// ValidatePath checks a path as the original's client does before it sends anything, with the same words.
func ValidatePath(path string) error {
	switch {
	case path == "":
		return errors.New("Path length must be > 0") //nolint:staticcheck // the original's words, printed as they are
	case path[0] != '/':
		return errors.New("Path must start with / character") //nolint:staticcheck // as above
	case len(path) == 1:
		return nil
	case path[len(path)-1] == '/':
		return errors.New("Path must not end with / character") //nolint:staticcheck // as above
	}
	at := 0 // in UTF-16 units, as the original counts
	for i, c := range path {
		reason := ""
		switch {
		case c == 0:
			reason = fmt.Sprintf("null character not allowed @%d", at)
		case c == '/' && i > 0 && path[i-1] == '/':
			reason = fmt.Sprintf("empty node name specified @%d", at)
		case c > 0 && c <= 0x1f || c >= 0x7f && c <= 0x9f || c >= 0xd800 && c <= 0xf8ff || c >= 0xfff0: // above 0xffff too: surrogates
			reason = fmt.Sprintf("invalid character @%d", at)
		}
		if reason != "" {
			return fmt.Errorf("Invalid path string \"%s\" caused by %s", path, reason) //nolint:staticcheck // as above
		}
		at++
	}
	for at, seg := 1, ""; at <= len(path); at += len(seg) + 1 {
		seg, _, _ = strings.Cut(path[at:], "/")
		if seg == "." || seg == ".." {
			return fmt.Errorf("Invalid path string \"%s\" caused by relative paths not allowed @%d", path, at+len(seg)-1) //nolint:staticcheck // as above
		}
	}
	return nil
}

// SplitServers takes a connect string "host:port,host:port/chroot" apart. A missing port is 2181. The chroot is "" or
// begins with a slash.
func SplitServers(connect string) (servers []string, chroot string, err error) {
	hosts := connect
	if i := strings.IndexByte(connect, '/'); i >= 0 {
		hosts, chroot = connect[:i], connect[i:]
		if chroot == "/" {
			chroot = ""
		} else if err := ValidatePath(chroot); err != nil {
			return nil, "", fmt.Errorf("server %q: %w", connect, err)
		}
	}
	for h := range strings.SplitSeq(hosts, ",") {
		h = strings.TrimSpace(h)
		if h == "" {
			continue
		}
		if i := strings.LastIndexByte(h, ':'); i < 0 || strings.HasSuffix(h, "]") {
			h += ":2181"
		} else if strings.Count(h, ":") > 1 && h[0] != '[' {
			return nil, "", fmt.Errorf("server %q: write an IPv6 address in brackets: [%s]:2181", connect, h)
		}
		servers = append(servers, h)
	}
	if len(servers) == 0 {
		return nil, "", fmt.Errorf("server %q: no address in it, expected host:port[,host:port][/chroot]", connect)
	}
	return servers, chroot, nil
}
