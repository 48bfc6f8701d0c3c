//go:build compat

package compat

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
	"github.com/holdfast-ha/holdfast/internal/tlsconf/tlstest"
)

// The admin server over HTTPS answers the same callers as the original's, with the same status.
func TestAdminServersOverHTTPS(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t, "authority")
	dir := t.TempDir()
	key, trust := ca.Issue(t, tlstest.Want{}).PEM(t, dir), ca.PEM(t, dir)
	as := func(name string) *tls.Config {
		s := tlsconf.Settings{TrustStore: tlsconf.Store{Path: trust}, VerifyServer: true}
		if name != "" {
			s.KeyStore.Path = ca.Issue(t, tlstest.Want{Subject: pkix.Name{CommonName: name}}).PEM(t, t.TempDir())
		}
		src, err := tlsconf.Load(s)
		require.NoError(t, err)
		return src.Client("127.0.0.1")
	}
	ask := func(url, authorization string, settings *tls.Config) string {
		tr := &http.Transport{TLSClientConfig: settings}
		defer tr.CloseIdleConnections()
		req, err := http.NewRequest(http.MethodGet, url, nil)
		require.NoError(t, err)
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		resp, err := (&http.Client{Transport: tr, Timeout: time.Minute}).Do(req)
		if err != nil || resp.StatusCode == http.StatusBadRequest { // what Go says to HTTP at a port for HTTPS; Jetty hangs up
			return "refused"
		}
		defer resp.Body.Close()
		return fmt.Sprintf("%d, Strict-Transport-Security: %q", resp.StatusCode, resp.Header.Get("Strict-Transport-Security"))
	}
	var got [2][]string
	for _, lines := range []string{"admin.portUnification=true", "admin.forceHttps=true", "admin.forceHttps=true\nadmin.needClientAuth=true"} {
		for i, ours := range []bool{false, true} {
			port := freePort(t)
			more := append([]string{"admin.enableServer=true", "admin.serverAddress=127.0.0.1", fmt.Sprintf("admin.serverPort=%d", port), lines},
				"ssl.quorum.keyStore.location="+key, "ssl.quorum.trustStore.location="+trust)
			p := startTLSPort(t, ours, key, trust, strings.Join(more, "\n"), "admin.rateLimiterIntervalInMS=0", "ssl.clientAuth=want")
			_, err := p.connect(t).SetACL("/", []zk.ACL{{Perms: zk.PermRead, Scheme: "world", ID: "anyone"}, {Perms: zk.PermAll, Scheme: "x509", ID: "CN=operator"}}, -1)
			require.NoError(t, err)
			base := fmt.Sprintf("://127.0.0.1:%d/commands/", port)
			for _, name := range []string{"", "operator", "somebody"} {
				for _, command := range []string{"ruok", "snapshot?streaming=false"} {
					got[i] = append(got[i], fmt.Sprintf("%s, %q: %s", lines, name, ask("https"+base+command, "x509", as(name))))
				}
			}
			got[i] = append(got[i], fmt.Sprintf("%s, HTTP: %s", lines, ask("http"+base+"ruok", "", nil)))
			p.kill()
		}
	}
	require.Equal(t, got[0], got[1])
	all := strings.Join(got[0], "\n")
	for _, want := range []string{`needClientAuth=true, "operator": 200, Strict`, `needClientAuth=true, "somebody": 403, Strict`, `needClientAuth=true, "": refused`, "forceHttps=true, HTTP: refused", "portUnification=true, HTTP: 200"} {
		require.Contains(t, all, want)
	}
}
