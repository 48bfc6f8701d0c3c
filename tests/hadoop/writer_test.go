//go:build hadoop && unix

package hadoop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/user"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// writer writes small files over WebHDFS, one after the other: the NameNode is asked where, the DataNode gets the bytes, closes
// the file and acknowledges. An attempt that fails is not repeated under the same name: nobody knows what became of it.
type writer struct {
	t      *testing.T
	dir    string
	user   string
	nn     []string
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	next    int // the file that is being written
	acked   []int
	at      []time.Time // of the acknowledgements
	unknown int
}

func newWriter(t *testing.T, nn ...string) *writer {
	t.Helper()
	me, err := user.Current()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	w := &writer{
		t: t, dir: "/" + strings.NewReplacer("/", "_", " ", "_").Replace(t.Name()), user: me.Username, nn: nn,
		cancel: cancel, done: make(chan struct{}),
	}
	go w.run(ctx)
	return w
}

func (w *writer) run(ctx context.Context) {
	defer close(w.done)
	client := &http.Client{
		Transport: &http.Transport{}, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	at := 0
	for ctx.Err() == nil {
		n := w.begun()
		err := w.write(ctx, client, w.nn[at], n)
		w.mu.Lock()
		w.next++
		if err == nil {
			w.acked, w.at = append(w.acked, n), append(w.at, time.Now())
		} else {
			w.unknown++
			at = (at + 1) % len(w.nn)
		}
		w.mu.Unlock()
		<-pause.C
	}
}

func (w *writer) name(n int) string { return fmt.Sprintf("file-%06d", n) }

// content is what file n holds; its length differs from that of its neighbours.
func content(n int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "file %06d\n", n), 10+n%17)
}

func (w *writer) url(nn, name, op string) string {
	return "http://" + nn + "/webhdfs/v1" + w.dir + "/" + name + "?op=" + op + "&user.name=" + url.QueryEscape(w.user)
}

func (w *writer) write(ctx context.Context, client *http.Client, nn string, n int) error {
	look, cancel := context.WithTimeout(ctx, 2*time.Second) // a NameNode that hangs is given up
	defer cancel()
	where, err := http.NewRequestWithContext(look, http.MethodPut, w.url(nn, w.name(n), "CREATE&overwrite=false"), nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(where)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusTemporaryRedirect {
		return fmt.Errorf("%s: %w", resp.Status, errNoAnswer)
	}
	put, err := http.NewRequestWithContext(ctx, http.MethodPut, resp.Header.Get("Location"), bytes.NewReader(content(n)))
	if err != nil {
		return err
	}
	resp, err = client.Do(put)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("%s: %w", resp.Status, errNoAnswer)
	}
	return nil
}

// begun is the number of the file that is being written.
func (w *writer) begun() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next
}

// last is the number of the file that was acknowledged last.
func (w *writer) last() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.acked) == 0 {
		return -1
	}
	return w.acked[len(w.acked)-1]
}

// stop ends the writing and counts.
func (w *writer) stop() (acknowledged, unknown int) {
	w.cancel()
	<-w.done
	return len(w.acked), w.unknown
}

// pause is the longest time without an acknowledgement.
func (w *writer) pause() time.Duration {
	var longest time.Duration
	for i := range w.at {
		if i > 0 {
			longest = max(longest, w.at[i].Sub(w.at[i-1]))
		}
	}
	return longest.Round(time.Millisecond)
}

// verify looks for every acknowledged file: all are there in full length, and those around each pause, and every tenth besides,
// have the bytes that were written.
func (w *writer) verify(nn string) {
	w.t.Helper()
	client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	defer client.CloseIdleConnections()
	get := func(name, op string) []byte {
		resp, err := client.Get(w.url(nn, name, op))
		require.NoError(w.t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(w.t, err)
		require.Equal(w.t, http.StatusOK, resp.StatusCode, "%s %s: %s", op, name, body)
		return body
	}
	var list struct {
		FileStatuses struct {
			FileStatus []struct {
				PathSuffix string
				Length     int
			}
		}
	}
	require.NoError(w.t, json.Unmarshal(get("", "LISTSTATUS"), &list))
	length := map[string]int{}
	for _, f := range list.FileStatuses.FileStatus {
		length[f.PathSuffix] = f.Length
	}
	for i, n := range w.acked {
		got, there := length[w.name(n)]
		require.True(w.t, there, "%s was acknowledged at %v and is lost", w.name(n), w.at[i])
		require.Equal(w.t, len(content(n)), got, "%s was acknowledged at %v and is not whole", w.name(n), w.at[i])
	}
	for i, n := range w.acked {
		if i%10 == 0 || w.near(i) {
			require.Equal(w.t, content(n), get(w.name(n), "OPEN"), w.name(n))
		}
	}
}

// near tells whether the i-th acknowledgement is one of the last before a pause, or of the first after it.
func (w *writer) near(i int) bool {
	for j := max(1, i-2); j <= min(len(w.at)-1, i+3); j++ {
		if w.at[j].Sub(w.at[j-1]) > 300*time.Millisecond {
			return true
		}
	}
	return false
}
