package fencing

import (
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
	r := lookReader{port: port}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "#:") {
			mark, value, _ := strings.Cut(line, " ")
			r.mark(mark, value)
		} else {
			r.line(line)
		}
	}
	slices.Sort(r.at.inodes)
	r.at.inodes = slices.Compact(r.at.inodes)
	return r.at
}

// lookReader goes through the parts of the answer.
type lookReader struct {
	at     scene
	port   int
	part   string   // the mark that opened it
	tables bool     // the kernel's tables were tried
	ss     []string // lines of ss, believed when its exit status is there
	proc   struct { // the process whose status is read
		pid, threads int
		state        string
	}
}

func (r *lookReader) mark(mark, value string) {
	r.endProcess()
	r.part = mark
	read := value == "0" || value == "1" // grep found something, or nothing; else it could not look
	switch mark {
	case "#:tcp-exit":
		r.tables, r.at.proven = true, read
	case "#:tcp6-exit":
		r.at.proven = r.at.proven && read
	case "#:pid":
		r.proc.pid, _ = strconv.Atoi(value)
	case "#:ss-exit":
		if value != "0" {
			return
		}
		r.at.proven = r.at.proven || !r.tables
		for _, l := range r.ss {
			r.at.listening = true
			if m := ssInode.FindStringSubmatch(l); m != nil {
				r.at.inodes = append(r.at.inodes, m[1])
			}
		}
	}
}

func (r *lookReader) line(line string) {
	switch r.part {
	case "#:tcp":
		if inode, ok := listenInode(line, r.port); ok {
			r.at.listening = true
			r.at.inodes = append(r.at.inodes, inode)
		}
	case "#:ss":
		if f := strings.Fields(line); len(f) > 3 && f[0] == "LISTEN" && strings.HasSuffix(f[3], ":"+strconv.Itoa(r.port)) {
			r.ss = append(r.ss, line+" ")
		}
	case "#:pid":
		name, value, _ := strings.Cut(line, ":")
		value, _, _ = strings.Cut(strings.TrimSpace(value), " ")
		switch name {
		case "State":
			r.proc.state = value
		case "Threads":
			r.proc.threads, _ = strconv.Atoi(value)
		}
	}
}

// endProcess decides about the process whose status was read. One whose first thread has ended is shown as a zombie,
// while its others may run on.
func (r *lookReader) endProcess() {
	p := &r.proc
	dead := p.state == "" || (p.state == "Z" || p.state == "X") && p.threads <= 1
	if r.part == "#:pid" && !dead {
		r.at.alive = append(r.at.alive, p.pid)
	}
	p.state, p.threads = "", 0
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
