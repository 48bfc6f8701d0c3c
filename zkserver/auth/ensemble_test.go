package auth

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func TestClientsSayWhichEnsembleTheyMean(t *testing.T) {
	var told []EnsembleCheck
	ask := func(r *Registry, name string) error {
		ids, err := r.Authenticate("ensemble", []byte(name), netip.Addr{})
		require.Empty(t, ids, "it proves nobody")
		return err
	}
	tell := func(c EnsembleCheck) { told = append(told, c) }
	r := registry(t, Config{Ensemble: true, EnsembleNames: "ours, mine", OnEnsemble: tell})
	for _, name := range []string{"ours", "mine", ""} {
		require.NoError(t, ask(r, name))
	}
	for _, name := range []string{"theirs", " mine", "ours, mine"} {
		require.ErrorIs(t, ask(r, name), ErrOtherEnsemble)
	}
	require.Equal(t, []EnsembleCheck{EnsembleMatches, EnsembleMatches, EnsembleSkipped, EnsembleDiffers, EnsembleDiffers, EnsembleDiffers}, told)

	told = nil
	require.NoError(t, ask(registry(t, Config{Ensemble: true, OnEnsemble: tell}), "theirs"), "a server without a name")
	require.Equal(t, []EnsembleCheck{EnsembleSkipped}, told)
	err := ask(registry(t, Config{EnsembleNames: "ours"}), "ours")
	require.ErrorContains(t, err, "no scheme")
	require.NotErrorIs(t, err, ErrOtherEnsemble)

	acl := []zkproto.ACL{{Perms: zkproto.PermAll, ID: id("ensemble", "ours")}}
	_, code := r.FixupACL(acl, nil)
	require.Equal(t, zkproto.ErrInvalidACL, code)
	require.False(t, r.Check(acl, zkproto.PermRead, []zkproto.ID{id("ensemble", "ours")}))
	_, code = r.FixupACL([]zkproto.ACL{{Perms: zkproto.PermAll, ID: id("auth", "")}}, []zkproto.ID{id("ensemble", "ours")})
	require.Equal(t, zkproto.ErrInvalidACL, code)
}
