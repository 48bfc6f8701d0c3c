package zkfc

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/haconfig"
)

func TestSickNameNodeIsAskedWhereTheFilesSay(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("threads")) }))
	defer s.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	for props, want := range map[string]time.Duration{
		"":                                    20 * time.Second,
		"dfs.ha.zkfc.nn.http.timeout.ms=1500": 1500 * time.Millisecond,
		"dfs.ha.zkfc.nn.http.timeout.ms=0":    0,
		"dfs.http.policy=HTTPS_ONLY":          0,
	} {
		all := []string{"dfs.namenode.http-address.ns1.nn1=0.0.0.0:" + port, "dfs.namenode.http-address.ns1.nn2=0.0.0.0:1", "dfs.ha.namenode.id=nn1"}
		if props != "" {
			all = append(all, props)
		}
		cfg, err := haconfig.Load(haconfig.Options{Files: []string{site(t, all...)}})
		require.NoError(t, err)
		ns, node, err := place(cfg, false)
		require.NoError(t, err)
		ask, patience := (&setup{cfg: cfg, ns: ns, node: node, log: zap.NewNop()}).diagnose()
		require.Equal(t, want, patience, props)
		if want == 0 {
			require.Nil(t, ask)
			continue
		}
		text, err := ask(t.Context())
		require.NoError(t, err)
		require.Equal(t, "threads", string(text))
	}
	ask, _ := (&setup{cfg: &haconfig.Config{}}).diagnose()
	require.Nil(t, ask, "holdfast.yaml knows of no web server")
}
