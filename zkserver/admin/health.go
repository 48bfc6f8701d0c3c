package admin

import (
	"fmt"
	"net/http"
	"strings"
)

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason"` // what was found; never empty
}

// Health is the answer of /livez, /readyz and /quorumz.
type Health struct {
	OK     bool    `json:"ok"`
	Checks []Check `json:"checks"`
}

// Add adds a check; Health is OK while all are.
func (h *Health) Add(name string, ok bool, reason string) {
	if len(h.Checks) == 0 {
		h.OK = true
	}
	h.OK = h.OK && ok
	h.Checks = append(h.Checks, Check{Name: name, OK: ok, Reason: reason})
}

// Prober tells how the server is.
type Prober interface {
	// Live tells whether the process works at all; if not, restart it.
	Live() Health
	// Ready tells whether clients are served; if not, send them elsewhere.
	Ready() Health
	// Quorum tells whether this server has a quorum for writes.
	Quorum() Health
}

// serveHealth answers 200 or 503; as text, or as JSON for ?format=json or Accept: application/json. The text has a line for
// each check that failed, and with ?verbose for all.
func serveHealth(w http.ResponseWriter, r *http.Request, h Health) {
	status := http.StatusOK
	if !h.OK {
		status = http.StatusServiceUnavailable
	}
	q := r.URL.Query()
	if q.Get("format") == "json" || strings.Contains(r.Header.Get("Accept"), "application/json") {
		writeJSON(w, status, h)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	for _, c := range h.Checks {
		switch {
		case !c.OK:
			fmt.Fprintf(w, "[-]%s: %s\n", c.Name, c.Reason)
		case q.Has("verbose"):
			fmt.Fprintf(w, "[+]%s: %s\n", c.Name, c.Reason)
		}
	}
	if h.OK {
		fmt.Fprintln(w, "ok")
	} else {
		fmt.Fprintln(w, "failed")
	}
}
