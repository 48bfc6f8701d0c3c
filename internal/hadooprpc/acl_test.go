package hadooprpc

import (
	"os/user"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestACLIsReadAsHadoopReadsIt(t *testing.T) {
	groups := map[string][]string{"ann": {"staff", "ops"}, "bob": {"staff"}}
	for _, c := range []struct {
		acl     string
		allowed []string
	}{
		{"", nil},
		{" ", nil},
		{"*", []string{"ann", "bob", "eve"}},
		{" * ", []string{"ann", "bob", "eve"}},
		{"ann", []string{"ann"}},
		{"ann,bob", []string{"ann", "bob"}},
		{"ann,,bob,", []string{"ann", "bob"}},
		{"eve ops", []string{"ann", "eve"}},
		{" staff", []string{"ann", "bob"}},
		{" ops,admins", []string{"ann"}},
		{"eve ops, staff", []string{"ann", "bob", "eve"}},
		{"ops", nil}, // a user of that name
	} {
		var got []string
		for _, u := range []string{"ann", "bob", "eve"} {
			if ParseACL(c.acl).allows(u, func() []string { return groups[u] }) {
				got = append(got, u)
			}
		}
		require.Equal(t, c.allowed, got, "%q", c.acl)
	}
}

func TestGroupsAreNotLookedUpUnlessTheyDecide(t *testing.T) {
	unasked := func() []string { t.Error("looked up"); return nil }
	require.True(t, ParseACL("ann ops").allows("ann", unasked))
	require.False(t, ParseACL("ann").allows("bob", unasked))
}

func TestGroupsOfTheUserOfThisProcess(t *testing.T) {
	u, err := user.Current()
	require.NoError(t, err)
	g, err := user.LookupGroupId(u.Gid)
	require.NoError(t, err)
	require.True(t, ACL{Groups: []string{g.Name}}.Allows(t.Context(), u.Username))
	require.False(t, ACL{Groups: []string{g.Name}}.Allows(t.Context(), "nobody-of-that-name"))
	for _, bad := range []string{"", "-u", "a b", "root;id"} {
		require.Empty(t, groupsOf(t.Context(), bad))
	}
}
