package admin

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/holdfast-ha/holdfast/zkserver/pathstats"
)

// PathQuery is what is asked of the request path statistics.
type PathQuery struct {
	Op    string // only this operation; empty for all
	Depth int    // how many parts of a path count; 0 for as many as in the log
}

// TopPaths are the paths that are asked for most, among the sampled requests of the time that is kept.
type TopPaths struct {
	SampleRate    float64
	Window        time.Duration
	Depth         int // as far as there is more than that
	Reads, Writes []pathstats.Count
}

var (
	// ErrPathStatsOff is why there are none.
	ErrPathStatsOff = errors.New("request path statistics are off: set pathStats.enabled=true in zoo.cfg and send SIGHUP, or restart")
	// ErrNoSuchOp is why a query cannot be answered.
	ErrNoSuchOp = errors.New("op names an operation whose paths are counted")
)

// pathStats is a command that the original does not have: it only logs these.
func (h *HTTP) pathStats(w http.ResponseWriter, r *http.Request, c *httpCommand) {
	q := PathQuery{Op: r.URL.Query().Get("op")}
	if d := r.URL.Query().Get("depth"); d != "" {
		n, err := strconv.Atoi(d)
		if err != nil || n < 1 {
			respond(w, http.StatusBadRequest, c.name, nil, "depth is a whole number from 1 on: how many parts of a path count")
			return
		}
		q.Depth = n
	}
	top, err := h.src.TopPaths(q)
	switch {
	case errors.Is(err, ErrPathStatsOff):
		respond(w, http.StatusServiceUnavailable, c.name, nil, err.Error())
		return
	case err != nil:
		respond(w, http.StatusBadRequest, c.name, nil, err.Error())
		return
	}
	respond(w, http.StatusOK, c.name, object{
		{"sample_rate", top.SampleRate},
		{"window_seconds", int64(top.Window / time.Second)},
		{"depth", top.Depth},
		{"top_reads", pathCounts(top.Reads)},
		{"top_writes", pathCounts(top.Writes)},
	}, "")
}

func pathCounts(list []pathstats.Count) []object {
	out := make([]object, 0, len(list))
	for _, c := range list {
		out = append(out, object{{"path", c.Path}, {"requests", c.Requests}})
	}
	return out
}
