package zktool

import (
	"net/netip"
	"strings"

	"github.com/holdfast-ha/holdfast/zkserver/auth"
)

// digest prints the ids of scheme digest for users and passwords, as the original's DigestAuthenticationProvider does:
// what ACLs and DigestAuthenticationProvider.superDigest contain.
func digest(t *tool, c *command, args []string) error {
	fl := flags(c)
	algorithm := fl.String("a", "", "")
	pairs, err := parse(fl, args, 1, 0)
	if err != nil {
		return err
	}
	registry, err := auth.New(auth.Config{DigestAlgorithm: *algorithm})
	if err != nil {
		return usagef("%v", err)
	}
	for _, pair := range pairs {
		if user, _, ok := strings.Cut(pair, ":"); !ok || user == "" {
			return usagef("%q: give USER:PASSWORD", pair)
		}
		ids, err := registry.Authenticate("digest", []byte(pair), netip.Addr{})
		if err != nil {
			return err
		}
		t.printf("%s->%s\n", pair, ids[len(ids)-1].ID)
	}
	return nil
}
