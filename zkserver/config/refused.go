package config

import "strings"

// later is why most keys are refused.
const later = "comes with a later release"

// revoked is what to do about certificates that should not count any more.
const revoked = "let certificates live shortly and reload them, or take the authority out of the trust store"

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
		{"ssl.crl ssl.quorum.crl ssl.ocsp ssl.quorum.ocsp", ifTrue, "whether a certificate is revoked is not asked here: " + revoked},
		{"ssl.context.supplier.class ssl.quorum.context.supplier.class", ifGiven, "classes of Java cannot be loaded: use the keys keyStore and trustStore"},
		{
			"sessionRequireClientSASLAuth quorum.auth.enableSasl quorum.auth.serverRequireSasl quorum.auth.learnerRequireSasl",
			ifTrue, "SASL " + later,
		},
		{"java.security.auth.login.config requireClientAuthScheme superUser superUser.", ifGiven, "SASL " + later},
		{"IPAuthenticationProvider.usexforwardedfor", ifTrue, "the address of a client is that of its connection; reading it from a header " + later},
	} {
		for name := range strings.FieldsSeq(g.names) {
			all = append(all, key{name: name, refuse: g.refuse, why: g.why})
		}
	}
	return all
}
