package healthcheck

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStacksOfANameNode(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/elsewhere/stacks":
			http.Redirect(w, r, "/stacks", http.StatusFound)
		case "/hung/stacks":
			<-release
		case "/long/stacks":
			_, _ = w.Write(make([]byte, 2*maxStacks))
		case "/stacks":
			_, _ = w.Write([]byte("Process Thread Dump"))
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	defer close(release)
	addr := strings.TrimPrefix(s.URL, "http://")
	text, err := Stacks(addr)(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Process Thread Dump", string(text))
	text, err = Stacks(addr + "/long")(t.Context())
	require.NoError(t, err)
	require.Len(t, text, maxStacks)
	for path, want := range map[string]string{"/elsewhere": "redirection", "/nowhere": "404"} {
		_, err = Stacks(addr + path)(t.Context())
		require.ErrorContains(t, err, want)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = Stacks(addr + "/hung")(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = Stacks("::bad")(t.Context())
	require.Error(t, err)
}
