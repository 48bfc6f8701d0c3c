package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What the original does not start with is refused, whatever the order of the lines; what it starts with is not.
func TestDemandedSchemesMustBeThere(t *testing.T) {
	const on = "dataDir=/d\nclientPort=1\nenforce.auth.enabled=true\n"
	for lines, want := range map[string]string{
		"":                                     "zoo.cfg:3: enforce.auth.enabled: is true, and enforce.auth.schemes names no scheme; add a line such as enforce.auth.schemes=digest",
		"enforce.auth.schemes=":                "zoo.cfg:3: enforce.auth.enabled: is true, and enforce.auth.schemes names no scheme; add a line such as enforce.auth.schemes=digest",
		"enforce.auth.schemes=digest,world":    `zoo.cfg:4: enforce.auth.schemes: no scheme "world" is set up on this server; give one or more of ip, digest, with commas between`,
		"enforce.auth.schemes=Digest":          `zoo.cfg:4: enforce.auth.schemes: no scheme "Digest" is set up on this server; give one or more of ip, digest, with commas between`,
		"enforce.auth.schemes=,digest":         `zoo.cfg:4: enforce.auth.schemes: no scheme "" is set up on this server; give one or more of ip, digest, with commas between`,
		"enforce.auth.schemes=digest,ensemble": `zoo.cfg:4: enforce.auth.schemes: no scheme "ensemble" is set up on this server; give one or more of ip, digest, with commas between`,
		"enforce.auth.schemes=sasl,digest":     "zoo.cfg:4: enforce.auth.schemes: SASL comes with a later release; remove sasl, or stay with the original until then",
		"enforce.auth.schemes=x509":            `zoo.cfg:4: enforce.auth.schemes: no scheme "x509" is set up on this server; give one or more of ip, digest, with commas between`,
		"enforce.auth.schemes=digest\nDigestAuthenticationProvider.enabled=false": `zoo.cfg:4: enforce.auth.schemes: no scheme "digest" is set up on this server; ` +
			"give one or more of ip, with commas between",
	} {
		_, _, problems := parse(on + lines)
		require.Equal(t, want, problems, lines)
	}
	for lines, want := range map[string][]string{
		"enforce.auth.schemes=digest": {"digest"}, "enforce.auth.schemes=digest , ip,,": {"digest", "ip"},
		"enforce.auth.schemes=ensemble,ip\nauthProvider.1=EnsembleAuthenticationProvider": {"ensemble", "ip"},
	} {
		cfg, warnings, problems := parse(on + lines)
		require.Empty(t, problems, lines)
		require.Empty(t, warnings, lines)
		require.Equal(t, want, cfg.DemandedSchemes(), lines)
	}
	_, _, err := Input{
		File: "zoo.cfg", Text: []byte("dataDir=/d\nclientPort=1\n"), Properties: []Setting{
			{"JVMFLAGS", "zookeeper.enforce.auth.enabled", "true"}, {"SERVER_JVMFLAGS", "zookeeper.enforce.auth.schemes", "none"},
		},
	}.Load()
	require.EqualError(t, err, `SERVER_JVMFLAGS: enforce.auth.schemes: no scheme "none" is set up on this server; give one or more of ip, digest, with commas between`)
}

func TestDemandsThatAreHardlyMeant(t *testing.T) {
	const good = "dataDir=/d\nclientPort=1\n"
	cfg, warnings, problems := parse(good + "enforce.auth.schemes=sasl")
	require.Empty(t, problems, "the original does not look at it, either")
	require.Equal(t, "zoo.cfg:3: enforce.auth.schemes: accepted, but nobody is asked to authenticate: enforce.auth.enabled is not true", warnings)
	require.Nil(t, cfg.DemandedSchemes())

	_, warnings, problems = parse(good + "enforce.auth.schemes=ensemble\nenforce.auth.enabled=true\nauthProvider.1=EnsembleAuthenticationProvider")
	require.Empty(t, problems)
	require.Equal(t, "zoo.cfg:3: enforce.auth.schemes: names ensemble alone, which makes nobody known: every client is turned away", warnings)

	cfg, _, problems = parse(good + "enforce.auth.schemes=digest,ip\nenforce.auth.enabled=true")
	require.Empty(t, problems)
	require.Contains(t, cfg.Security(), "enforce.auth.schemes names ip, and every client is known by its address: nobody is turned away")
}
