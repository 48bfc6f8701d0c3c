package hadooprpc

import (
	"context"
	"os/exec"
	"os/user"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// groupsDeadline bounds the question for a user's groups, which may go to a directory service.
const groupsDeadline = 5 * time.Second

// ACL is who may call: an access list of Hadoop's, such as dfs.cluster.administrators. The zero value lets nobody in.
type ACL struct {
	All    bool // everybody
	Users  []string
	Groups []string // of this machine's users, as the machine knows them
}

// ParseACL reads Hadoop's notation (AccessControlList): users, a blank, groups, each with commas between them; "*" is
// everybody, and a list that begins with a blank names groups only.
func ParseACL(text string) ACL {
	if strings.TrimSpace(text) == "*" {
		return ACL{All: true}
	}
	users, groups, _ := strings.Cut(text, " ")
	return ACL{Users: names(users), Groups: names(groups)}
}

func names(list string) []string {
	var out []string
	for n := range strings.SplitSeq(list, ",") {
		if n = strings.TrimSpace(n); n != "" {
			out = append(out, n)
		}
	}
	return out
}

// Allows tells whether user may call. Groups are looked up only when they decide.
func (a ACL) Allows(ctx context.Context, user string) bool {
	return a.allows(user, func() []string { return groupsOf(ctx, user) })
}

func (a ACL) allows(user string, groups func() []string) bool {
	if a.All || slices.Contains(a.Users, user) {
		return true
	}
	return len(a.Groups) > 0 && slices.ContainsFunc(groups(), func(g string) bool { return slices.Contains(a.Groups, g) })
}

// userName is what may be handed to another program, if it is not too long: the name comes from whoever calls. A bound within
// the expression would make a program of hundreds of steps of it, at every start.
var userName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._@-]*$`)

// groupsOf are the names of the user's groups on this machine: those of its own files, and, since a program without C
// libraries sees no more than these, what the program id knows of directory services. Nobody knows the user: none.
func groupsOf(ctx context.Context, name string) []string {
	var out []string
	if u, err := user.Lookup(name); err == nil {
		ids, _ := u.GroupIds()
		for _, id := range ids {
			if g, err := user.LookupGroupId(id); err == nil {
				out = append(out, g.Name)
			}
		}
	}
	if runtime.GOOS != "windows" && len(name) <= 256 && userName.MatchString(name) {
		look, cancel := context.WithTimeout(ctx, groupsDeadline)
		defer cancel()
		text, err := exec.CommandContext(look, "id", "-Gn", name).Output()
		if err == nil {
			out = append(out, strings.Fields(string(text))...)
		}
	}
	return out
}
