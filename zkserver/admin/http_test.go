package admin

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/release"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// nobody is an operator that proves everybody to be nobody.
type nobody struct{ snapshots, restores, shed int }

func (*nobody) Live() Health { return Health{OK: true, Checks: []Check{{"core", true, "well"}}} }
func (*nobody) Ready() Health {
	var h Health
	h.Add("serving", true, "clients are served")
	h.Add("disk", false, "full")
	h.Add("load", true, "none")
	return h
}
func (n *nobody) Quorum() Health { return n.Live() }

func (*nobody) Authenticate(scheme string, _ []byte, _ netip.Addr, _ []*x509.Certificate) ([]zkproto.ID, error) {
	if scheme == "digest" || scheme == "ip" {
		return []zkproto.ID{{Scheme: scheme, ID: "u"}}, nil
	}
	return nil, errors.New("no such scheme")
}
func (n *nobody) Shed(int) int { n.shed++; return 0 }

func (*nobody) MayAll([]zkproto.ID) bool { return false }
func (n *nobody) Snapshot(context.Context) (Snapshot, error) {
	n.snapshots++
	return Snapshot{}, io.EOF
}

func (n *nobody) Restore(context.Context, io.Reader) (zkproto.Zxid, error) {
	n.restores++
	return 0, io.EOF
}
func (*nobody) RateLimited(bool) {}

func handler(op Operator) http.Handler {
	return NewHTTP(nil, &fixed{}, op, NewTraceMask(), Options{URL: "/commands", Limits: Limits{Snapshot: true, Restore: true}}).Handler()
}

func request(h http.Handler, method, target string, headers ...string) (int, http.Header, string) {
	r := httptest.NewRequest(method, target, strings.NewReader("body"))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Header(), w.Body.String()
}

// The shapes are the original's, whose answers the compatibility tests compare with those of a server.
func TestCommandsInJSON(t *testing.T) {
	h := handler(&nobody{})
	for _, name := range primaryNames {
		if httpCommands[name].auth || name == "environment" {
			continue
		}
		code, header, body := request(h, "GET", "/commands/"+name)
		require.Equal(t, 200, code, name)
		require.Equal(t, "application/json", header.Get("Content-Type"))
		require.True(t, json.Valid([]byte(body)), name)
		golden(t, name+".json", body)
	}
	_, _, body := request(h, "GET", "/commands/environment")
	var env map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &env))
	require.Equal(t, release.Version(), env["zookeeper.version"])
	require.Equal(t, "environment", env["command"])
	code, _, body := request(h, "GET", "/commands/nosuch")
	require.Equal(t, 200, code)
	golden(t, "nosuch.json", body)
	code, _, body = request(h, "GET", "/commands")
	require.Equal(t, 200, code)
	golden(t, "commands.html", body)
	code, _, _ = request(h, "GET", "/")
	require.Equal(t, 404, code)
}

func TestSecretsAreHidden(t *testing.T) {
	h := handler(&nobody{})
	for _, name := range []string{"initial_configuration", "system_properties"} {
		_, _, body := request(h, "GET", "/commands/"+name)
		require.NotContains(t, body, "geheim", name)
		require.Contains(t, body, "***", name)
	}
	require.Equal(t, "a=1\nssl.trustStore.password:***\nDigestAuthenticationProvider.superDigest=***\n",
		withoutSecrets("a=1\nssl.trustStore.password: x\nDigestAuthenticationProvider.superDigest=super:x=\n"))
}

// A .properties file has many ways to write a line.
func TestSecretsAreHiddenHoweverTheyAreWritten(t *testing.T) {
	for _, text := range []string{
		"  superDigest=super:geheim=\n", "\tssl.keyStore.password\t=\tgeheim\n", "superDigest geheim\n", "superDigest=\\\n  super:geheim=\n",
		"superDigest=super:\\\r\n  \\\n  geheim=\r\n", "# ssl.keyStore.password=geheim\n", "#!superDigest : geheim", "a=1\\\\\nsuperDigest=geheim",
		"# a comment that ends with \\\nsuperDigest=geheim\n",
	} {
		require.NotContains(t, withoutSecrets(text+"\nclientPort=1\n"), "geheim", "%q", text)
		require.Contains(t, withoutSecrets(text+"\nclientPort=1\n"), "\nclientPort=1\n", "%q", text)
		h := HTTP{src: &fixed{text: text}}
		shown, err := plainJSON(h.settings())
		require.NoError(t, err)
		require.NotContains(t, string(shown), "geheim", "%q", text)
	}
	h := HTTP{src: &fixed{text: "a\\\n  b : c\\\n  d\n! x=1\n  e f \ng\\\\\n=\n"}}
	require.Equal(t, object{{"zookeeper.ab", "cd"}, {"zookeeper.e", "f"}}, h.settings())
}

func TestNobodyTakesSnapshotsOrRestores(t *testing.T) {
	op := &nobody{}
	h := handler(op)
	for name, c := range httpCommands {
		if !c.auth {
			continue
		}
		for _, method := range []string{"GET", "POST", "HEAD"} {
			for header, want := range map[string]int{"": 401, "x509": 401, "digest": 401, "digest a:b c": 401, "digest u:p": 403, "ip": 403, " ": 401} {
				code, _, _ := request(h, method, "/commands/"+name, "Authorization", header)
				require.Equal(t, want, code, "%s %s %q", method, name, header)
			}
			code, _, _ := request(h, method, "/commands/"+name, "X-Forwarded-For", "10.0.0.1") // CVE-2024-51504
			require.Equal(t, 401, code)
		}
	}
	require.Zero(t, op.snapshots+op.restores+op.shed)
}

func TestHealthInTextAndJSON(t *testing.T) {
	h := handler(&nobody{})
	code, _, body := request(h, "GET", "/livez")
	require.Equal(t, 200, code)
	require.Equal(t, "ok\n", body)
	code, _, body = request(h, "GET", "/readyz")
	require.Equal(t, 503, code)
	require.Equal(t, "[-]disk: full\nfailed\n", body)
	_, _, body = request(h, "GET", "/readyz?verbose")
	require.Equal(t, "[+]serving: clients are served\n[-]disk: full\n[+]load: none\nfailed\n", body)
	code, _, body = request(h, "GET", "/readyz", "Accept", "application/json")
	require.Equal(t, 503, code)
	var got Health
	require.NoError(t, json.Unmarshal([]byte(body), &got))
	require.Equal(t, (&nobody{}).Ready(), got)
	code, _, _ = request(h, "POST", "/livez")
	require.Equal(t, 405, code)
}

func TestLimiter(t *testing.T) {
	var l, free limiter
	now := time.Unix(1000, 0)
	require.True(t, l.allow(now, time.Minute))
	require.False(t, l.allow(now.Add(59*time.Second), time.Minute))
	require.True(t, l.allow(now.Add(59*time.Second), 50*time.Second), "another limit counts at once")
	require.True(t, l.allow(now.Add(119*time.Second), time.Minute))
	require.True(t, free.allow(now, 0))
	require.True(t, free.allow(now, 0))
}

// prometheus_types.txt was recorded from the original 3.9.5 with the Prometheus provider of 3.9.4; its JVM metrics are left
// out. Those of single namespaces and learners have labels, so there is nothing to show until one has a value.
func TestPrometheusNamesAndTypes(t *testing.T) {
	r := prometheus.NewRegistry()
	r.MustRegister(NewCollector(&fixed{}))
	families, err := r.Gather()
	require.NoError(t, err)
	types := map[string]string{}
	for _, f := range families {
		types[f.GetName()] = strings.ToLower(f.GetType().String())
	}
	want, err := os.ReadFile("testdata/prometheus_types.txt")
	require.NoError(t, err)
	for line := range strings.Lines(string(want)) {
		name, typ, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case strings.HasPrefix(name, "process_"), strings.HasSuffix(name, "_per_namespace"), strings.HasPrefix(name, "learner_handler_"), name == "ack_latency":
			continue
		}
		require.Equal(t, typ, types[name], name)
		delete(types, name)
	}
	require.Empty(t, types, "names that the original has not")
}

func TestPrettyJSON(t *testing.T) {
	for in, want := range map[string]string{
		`{}`:                              "{ }",
		`[]`:                              "[ ]",
		`{"a":1,"b":[],"c":{}}`:           "{\n  \"a\" : 1,\n  \"b\" : [ ],\n  \"c\" : { }\n}",
		`{"a":[{"b":1},{"b":"x,\"{:y"}]}`: "{\n  \"a\" : [ {\n    \"b\" : 1\n  }, {\n    \"b\" : \"x,\\\"{:y\"\n  } ]\n}",
		`[1,2]`:                           "[ 1, 2 ]",
	} {
		require.Equal(t, want, string(pretty([]byte(in))))
	}
}

// owner is who may do everything.
type owner struct{ nobody }

func (*owner) MayAll([]zkproto.ID) bool { return true }

func (o *owner) Shed(percentage int) int { o.shed = percentage; return 0 }

func FuzzShedding(f *testing.F) {
	for _, body := range []string{"", "{", "{}", `{"percentage": 25}`, `{"percentage": "25"}`, `{"percentage": 1e2}`, `{"Percentage": 101}`, `[1]`, `null`} {
		f.Add(body)
	}
	op := &owner{}
	h := handler(op)
	f.Fuzz(func(t *testing.T, body string) {
		op.shed = -1
		r := httptest.NewRequest(http.MethodPost, "/commands/shed_connections", strings.NewReader(body))
		r.Header.Set("Authorization", "digest u:p")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.True(t, json.Valid(w.Body.Bytes()))
		if w.Code == http.StatusOK {
			require.True(t, 0 <= op.shed && op.shed <= 100)
		} else {
			require.Equal(t, http.StatusBadRequest, w.Code)
			require.Equal(t, -1, op.shed, "nothing is closed for a request that is refused")
		}
	})
}

func FuzzHTTP(f *testing.F) {
	f.Add("GET", "/commands/stat?x=y", "digest u:p")
	f.Add("POST", "/commands/restore", "ip")
	f.Add("GET", "/commands/set_trace_mask?traceMask=9223372036854775808", "")
	f.Add("GET", "/commands//../ruok", " ")
	op := &nobody{}
	h := handler(op)
	f.Fuzz(func(t *testing.T, method, target, authorization string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Path == "" || method == "" {
			return
		}
		r := &http.Request{Method: method, URL: u, Header: http.Header{"Authorization": {authorization}}, Body: http.NoBody, RemoteAddr: "127.0.0.1:1"}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Header().Get("Content-Type") == "application/json" {
			require.True(t, json.Valid(w.Body.Bytes()), w.Body.String())
		}
		require.Zero(t, op.snapshots+op.restores+op.shed)
	})
}

func TestPathStatsOverHTTP(t *testing.T) {
	h := handler(&nobody{})
	for query, want := range map[string]struct {
		code int
		says string
	}{
		"depth=6&op=getData": {200, `"depth" : 6`},
		"op=off":             {503, "set pathStats.enabled=true"},
		"op=nosuch":          {400, "it is none"},
		"depth=0":            {400, "depth is a whole number"},
		"depth=x":            {400, "depth is a whole number"},
	} {
		code, _, body := request(h, "GET", "/commands/path_stats?"+query)
		require.Equal(t, want.code, code, query)
		require.Contains(t, body, want.says, query)
		require.True(t, json.Valid([]byte(body)))
	}
}
