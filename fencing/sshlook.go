package fencing

import (
	"bufio"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// said is what a line of the answer says after its mark.
func said(text, mark string) string {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), mark); ok {
			return v
		}
	}
	return ""
}

// parseLook reads the answer to look.
func parseLook(text string, port int) scene {
	var at scene
	part, about := "", 0
	var state string
	var ss []string
	threads, tables := 0, false
	// closeProcess decides about the process whose status was read. A process whose first thread has ended is shown as
	// a zombie, while its others may run on.
	closeProcess := func() {
		if part == "#:pid" && state != "" && (state != "Z" && state != "X" || threads > 1) {
			at.alive = append(at.alive, about)
		}
		state, threads = "", 0
	}
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, maxReply+1)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "#:") {
			closeProcess()
			mark, value, _ := strings.Cut(line, " ")
			part = mark
			switch mark {
			case "#:tcp-exit":
				tables, at.proven = true, value == "0" || value == "1"
			case "#:tcp6-exit":
				at.proven = at.proven && (value == "0" || value == "1")
			case "#:pid":
				about, _ = strconv.Atoi(value)
			case "#:ss-exit":
				if value == "0" {
					at.proven = at.proven || !tables
					for _, l := range ss {
						at.listening = true
						if m := ssInode.FindStringSubmatch(l); m != nil {
							at.inodes = append(at.inodes, m[1])
						}
					}
				}
			}
			continue
		}
		switch part {
		case "#:tcp":
			if inode, ok := listenInode(line, port); ok {
				at.listening = true
				at.inodes = append(at.inodes, inode)
			}
		case "#:ss":
			if f := strings.Fields(line); len(f) > 3 && f[0] == "LISTEN" && strings.HasSuffix(f[3], ":"+strconv.Itoa(port)) {
				ss = append(ss, line)
			}
		case "#:pid":
			name, value, _ := strings.Cut(line, ":")
			f := strings.Fields(value)
			switch {
			case len(f) == 0:
			case name == "State":
				state = f[0]
			case name == "Threads":
				threads, _ = strconv.Atoi(f[0])
			}
		}
	}
	slices.Sort(at.inodes)
	at.inodes = slices.Compact(at.inodes)
	return at
}

// listenInode reads a line of /proc/net/tcp: number, local address:port in hex, remote, state (0A listens), …, inode.
func listenInode(line string, port int) (string, bool) {
	f := strings.Fields(line)
	if len(f) < 10 || f[3] != "0A" {
		return "", false
	}
	_, hex, ok := strings.Cut(f[1], ":")
	n, err := strconv.ParseUint(hex, 16, 16)
	if !ok || err != nil || int(n) != port {
		return "", false
	}
	if _, err := strconv.ParseUint(f[9], 10, 64); err != nil {
		return "", false
	}
	return f[9], true
}

// ssInode is the inode in a line of ss -e: uid:1000 ino:123 sk:…; a socket of root has no uid.
var ssInode = regexp.MustCompile(`\sino:([0-9]{1,20})\s`)

// parseFind reads the answer to find: the process of a socket is the one whose directory was named last.
func parseFind(text string, inodes []string) []int {
	var pids []int
	pid := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "/proc/"); ok {
			id, _, _ := strings.Cut(rest, "/")
			pid, _ = strconv.Atoi(id)
			continue
		}
		_, target, ok := strings.Cut(line, " -> socket:[")
		inode, found := strings.CutSuffix(target, "]")
		if ok && found && pid > 1 && slices.Contains(inodes, inode) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids)
}
