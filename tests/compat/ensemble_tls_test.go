//go:build compat

package compat

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/tlsconf/tlstest"
)

// stores writes certificates of one authority for each member, for servers at 127.0.0.1, and answers the lines of zoo.cfg that name
// them. kinds are the kinds of stores, by the number of the member.
func (e *ensemble) stores(ca *tlstest.CA, kinds ...string) func(*member) string {
	e.t.Helper()
	lines := map[*member]string{}
	for i, m := range e.members {
		cert := ca.Issue(e.t, tlstest.Want{})
		key, trust := cert.JKS, ca.JKS
		switch kinds[i%len(kinds)] {
		case "pem":
			key, trust = cert.PEM, ca.PEM
		case "p12":
			key, trust = cert.PKCS12, ca.PKCS12
		}
		lines[m] = fmt.Sprintf("ssl.quorum.keyStore.location=%s\nssl.quorum.trustStore.location=%s\n", key(e.t, m.dir), trust(e.t, m.dir))
		if kinds[i%len(kinds)] != "pem" {
			lines[m] += fmt.Sprintf("ssl.quorum.keyStore.password=%s\nssl.quorum.trustStore.password=%[1]s\n", tlstest.Password)
		}
	}
	return func(m *member) string { return lines[m] }
}

// with gives each member lines of its own.
func (e *ensemble) with(lines func(*member) string) {
	for _, m := range e.members {
		m.own = lines(m)
		e.configure(m, e.members)
	}
}

// Ensembles of both makes over TLS only: whoever leads, followers and observers join, are killed and come back, and no write is
// lost. Names in certificates are checked, which originals do with fips-mode=false only.
func TestMixedEnsembleOverTLS(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]struct {
		makes []*serverMake
		kinds []string
		more  string
	}{
		"two originals, one of ours, jks": {[]*serverMake{java39, java39, golang, nil, golang}, []string{"jks"}, "fips-mode=false\n"},
		"one original, two of ours, pem":  {[]*serverMake{golang, golang, java39, nil, java39}, []string{"pem"}, "fips-mode=false\n"},
		"both, pkcs12 and others":         {[]*serverMake{java39, golang, java39}, []string{"p12", "p12", "pem"}, "ssl.quorum.protocol=TLSv1.2\n"},
		"with release 3.8":                {[]*serverMake{java38, golang, java38}, []string{"jks", "pem"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnsemble(t, "sslQuorum=true\n"+in.more, in.makes...)
			e.with(e.stores(tlstest.NewCA(t, "ensemble"), in.kinds...))
			e.start()
			w := e.write("w")
			for _, leads := range e.makesOf() {
				leader := e.lead(leads)
				w.goesOn(50)
				follower := e.other(leader)
				follower.kill()
				w.goesOn(50)
				follower.wipe() // a snapshot comes over TLS
				follower.start()
				e.settle()
				w.goesOn(50)
				leader = e.lead(leads)
				leader.kill()
				w.goesOn(50)
				leader.start()
				e.settle()
			}
			w.end()
			for _, m := range e.members {
				log := m.logText()
				if m.make.java {
					require.NotContains(t, log, "Accepted plaintext connection", m)
					continue
				}
				for line := range strings.SplitSeq(log, "\n") {
					if strings.Contains(line, "election connection established") || strings.Contains(line, "learner connected") {
						require.Contains(t, line, "TLS 1.", m)
					}
				}
			}
			w.check(e.same())
		})
	}
}

// A running ensemble of both makes changes to TLS server by server, as the original's manual has it, and back.
func TestMixedEnsembleChangesToTLS(t *testing.T) {
	t.Parallel()
	const unified, both = "portUnification=true", "portUnification=true\nsslQuorum=true"
	for name, makes := range mixes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnsemble(t, "", makes...)
			stores := e.stores(tlstest.NewCA(t, "ensemble"), "jks", "pem")
			e.start()
			w := e.write("w")
			w.goesOn(50)
			for _, step := range []string{unified, both, "sslQuorum=true", both, unified, ""} {
				for _, m := range e.members {
					m.own = stores(m) + step + "\n"
					e.configure(m, e.members)
					m.terminate()
					w.goesOn(10)
					m.start()
					e.settle()
					w.goesOn(10)
				}
			}
			w.end()
			w.check(e.same())
		})
	}
}

// Followers of both makes serve observers of both makes over TLS.
func TestObserverMastersOverTLS(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, fmt.Sprintf("tickTime=500\nsslQuorum=true\nobserverMasterPort=%d", freePort(t)), golang, java39, java39, nil, golang, nil, java39)
	e.with(e.stores(tlstest.NewCA(t, "ensemble"), "pem", "jks"))
	e.apart()
	e.start()
	e.lead(java39)
	w := e.write("w")
	observers, followers := e.members[3:], e.followers()
	for i, follower := range followers {
		other := followers[1-i]
		other.kill()
		e.master(follower, observers...)
		w.goesOn(30)
		other.start()
		e.settle()
	}
	w.end()
	w.check(e.same())
}

// The certificates of the original's manual: each server its own, signed by nobody else, with a common name and no other, and all
// of them in the trust store.
func TestSelfSignedCertificatesOfTheManual(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, "sslQuorum=true\n", java39, golang, golang)
	tool := func(args ...string) {
		t.Helper()
		out, err := keytool(args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	trust := filepath.Join(e.dir, "truststore.jks")
	for _, m := range e.members {
		name, key, cert := fmt.Sprintf("zk%d", m.id), filepath.Join(m.dir, "keystore.jks"), filepath.Join(m.dir, "cert.cer")
		tool("-genkeypair", "-alias", name, "-keyalg", "RSA", "-keysize", "2048", "-dname", "cn="+name, "-keypass", "password", "-keystore", key, "-storepass", "password")
		tool("-exportcert", "-alias", name, "-keystore", key, "-file", cert, "-rfc", "-storepass", "password")
		tool("-importcert", "-noprompt", "-alias", name, "-file", cert, "-keystore", trust, "-storepass", "password")
	}
	e.with(func(m *member) string {
		return fmt.Sprintf("ssl.quorum.keyStore.location=%s\nssl.quorum.keyStore.password=password\nssl.quorum.trustStore.location=%s\n"+
			"ssl.quorum.trustStore.password=password\n", filepath.Join(m.dir, "keystore.jks"), trust)
	})
	e.start()
	w := e.write("w")
	w.goesOn(50)
	e.leader().kill()
	w.goesOn(50)
	w.end()
}

// A plain server of either make in an ensemble over TLS of the other stays outside, is named, and harms nobody.
func TestPlainServerInAnEnsembleOverTLS(t *testing.T) {
	t.Parallel()
	for _, makes := range [][]*serverMake{{golang, golang, java39}, {java39, java39, golang}} {
		e := newEnsemble(t, "", makes...)
		stores := e.stores(tlstest.NewCA(t, "ensemble"), "jks")
		e.with(func(m *member) string {
			if m.id == 3 {
				return ""
			}
			return stores(m) + "sslQuorum=true\n"
		})
		e.start(1, 2)
		plain := e.member(3)
		plain.start()
		w := e.write("w")
		w.goesOn(50)
		named := func(text string, members ...*member) {
			t.Helper()
			e.await(func() string { return "in the log: " + text }, func() bool {
				for _, m := range members {
					if strings.Contains(m.logText(), text) {
						return true
					}
				}
				return false
			})
		}
		if plain.make.java {
			named("server 3 speaks without TLS", e.member(1), e.member(2))
		} else {
			named("does its port want TLS? this server's sslQuorum is false", plain)
		}
		require.NotContains(t, []string{"leader", "follower"}, plain.mode())
		w.goesOn(50)
		plain.terminate()
		plain.own = stores(plain) + "sslQuorum=true\n"
		e.configure(plain, e.members)
		plain.start()
		e.settle()
		w.end()
		w.check(e.same())
		for _, m := range e.members {
			m.kill()
		}
	}
}
