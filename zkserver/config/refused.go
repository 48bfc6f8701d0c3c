package config

import "strings"

// later is why most keys are refused.
const later = "comes with a later release"

func ifTrue(v string) bool {
	b, err := boolean(v)
	return err != nil || b
}

func ifGiven(v string) bool { return v != "" }

// refused are the keys that switch something on which this release does not have, and without which the server would
// protect less, or keep less, than the operator expects.
func refused() []key {
	var all []key
	for _, g := range []struct {
		names  string
		refuse func(string) bool
		why    string
	}{
		{"secureClientPort secureClientPortAddress", ifGiven, "TLS on the client port " + later},
		{"client.portUnification sslQuorum portUnification ssl.quorum.portUnification", ifTrue, "TLS " + later},
		{"ssl.authProvider X509AuthenticationProvider.superUser", ifGiven, "authentication by certificate " + later},
		{
			"sessionRequireClientSASLAuth quorum.auth.enableSasl quorum.auth.serverRequireSasl quorum.auth.learnerRequireSasl",
			ifTrue, "SASL " + later,
		},
		{"java.security.auth.login.config requireClientAuthScheme superUser superUser.", ifGiven, "SASL " + later},
		{"IPAuthenticationProvider.usexforwardedfor", ifTrue, "the address of a client is that of its connection; reading it from a header " + later},
		{"admin.forceHttps admin.needClientAuth admin.portUnification", ifTrue, "HTTPS of the admin server " + later},
		{"metricsProvider.httpsPort", ifGiven, "HTTPS of the metrics endpoint " + later},
		{"metricsProvider.ssl.need.client.auth metricsProvider.ssl.want.client.auth", ifTrue, "HTTPS of the metrics endpoint " + later},
	} {
		for name := range strings.FieldsSeq(g.names) {
			all = append(all, key{name: name, refuse: g.refuse, why: g.why})
		}
	}
	return all
}
