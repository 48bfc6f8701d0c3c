package admin

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Snapshot is a snapshot file that may be read.
type Snapshot struct {
	Zxid zkproto.Zxid
	Size int64
	File io.ReadCloser
}

// Operator is what the HTTP commands may do beyond reading.
type Operator interface {
	Prober
	// Authenticate answers the ids that credentials of a scheme prove, or the certificates that were shown, which are checked already.
	Authenticate(scheme string, data []byte, remote netip.Addr, certs []*x509.Certificate) ([]zkproto.ID, error)
	// MayAll tells whether ids have every permission on the root.
	MayAll(ids []zkproto.ID) bool
	// Snapshot takes a snapshot.
	Snapshot(ctx context.Context) (Snapshot, error)
	// Restore puts the snapshot in the place of all data, after it has read and checked all of it. It returns the zxid of
	// the last transaction.
	Restore(ctx context.Context, from io.Reader) (zkproto.Zxid, error)
	// Shed closes so many percent of the clients' connections, and returns their number.
	Shed(percentage int) int
	// RateLimited counts a snapshot or a restore that was refused.
	RateLimited(restore bool)
}

// Options are the settings of the HTTP commands.
type Options struct {
	URL         string        // path of the commands, such as /commands
	IdleTimeout time.Duration // of connections
	Limits
	Logger *zap.Logger
	Now    func() time.Time // nil for the wall clock
}

// Limits are the settings that may change while it serves.
type Limits struct {
	RateLimit time.Duration // least time between two snapshots, and between two restores
	Snapshot  bool          // allow the command snapshot
	Restore   bool          // allow the command restore
}

// HTTP is the server of the HTTP commands. Make it with NewHTTP.
type HTTP struct {
	src       Source
	op        Operator
	opts      Options
	traceMask *TraceMask
	limits    atomic.Pointer[Limits]
	snapshots limiter
	restores  limiter
	server    http.Server
	listener  net.Listener
	active    sync.WaitGroup
	done      chan struct{}
}

// NewHTTP makes the server. It serves l, and closes it.
func NewHTTP(l net.Listener, src Source, op Operator, mask *TraceMask, opts Options) *HTTP {
	if opts.Logger == nil {
		opts.Logger = zap.NewNop()
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	h := &HTTP{src: src, op: op, opts: opts, traceMask: mask, listener: l}
	h.SetLimits(opts.Limits)
	h.server = http.Server{
		Handler: h.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: opts.IdleTimeout, MaxHeaderBytes: 16 << 10,
		ErrorLog: ErrorLog(opts.Logger),
	}
	return h
}

// SetLimits puts other limits in the place of those there were.
func (h *HTTP) SetLimits(l Limits) { h.limits.Store(&l) }

// Addr is the address it listens on.
func (h *HTTP) Addr() net.Addr { return h.listener.Addr() }

// Serve begins to answer.
func (h *HTTP) Serve() {
	h.done = make(chan struct{})
	go func() {
		defer close(h.done)
		_ = h.server.Serve(h.listener) // ends with ErrServerClosed
	}()
}

// Close ends it at once, and returns when no command is under way any more.
func (h *HTTP) Close() {
	_ = h.server.Close()
	_ = h.listener.Close()
	if h.done != nil {
		<-h.done
	}
	h.active.Wait()
}

// Handler is the handler of all paths.
func (h *HTTP) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, probe := range map[string]func() Health{"/livez": h.op.Live, "/readyz": h.op.Ready, "/quorumz": h.op.Quorum} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { serveHealth(w, r, probe()) })
	}
	mux.HandleFunc(h.opts.URL, h.command)
	mux.HandleFunc(h.opts.URL+"/", h.command)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil { // as the original: a browser comes by HTTPS alone for the next day
			w.Header().Set("Strict-Transport-Security", "max-age=86400; includeSubDomains")
		}
		mux.ServeHTTP(w, r)
	})
}

// command answers everything below the URL of the commands.
func (h *HTTP) command(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, h.opts.URL), "/")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodPost && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD, POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case name == "":
		h.list(w)
		return
	}
	c := httpCommands[name]
	switch {
	case c == nil: // with status 200, as the original
		respond(w, http.StatusOK, name, nil, "Unknown command: "+name)
		return
	case !c.any && h.src.State() == NotServing: // with status 200, too
		respond(w, http.StatusOK, name, nil, notServing)
		return
	case c.auth:
		if status, reason := h.authorize(r); status != http.StatusOK {
			h.opts.Logger.Warn("admin command refused", zap.String("command", c.name), zap.String("peer", r.RemoteAddr),
				zap.String("reason", reason))
			respond(w, status, name, nil, reason)
			return
		}
	}
	if c.post != (r.Method == http.MethodPost) {
		allow := http.MethodGet
		if c.post {
			allow = http.MethodPost
		}
		w.Header().Set("Allow", allow)
		respond(w, http.StatusMethodNotAllowed, c.name, nil, c.name+" is to be asked with "+allow)
		return
	}
	h.active.Add(1)
	defer h.active.Done()
	c.run(h, w, r, c)
}

// list prints links to all commands.
func (h *HTTP) list(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	for _, name := range primaryNames {
		fmt.Fprintf(w, "<a href=\"%s/%s\">%s</a>\n<br/>\n", h.opts.URL, name, name)
	}
}

// authorize checks the header Authorization: "scheme credentials", or only "ip". What it proves must have all permissions
// on the root, each of them (CVE-2025-58457).
func (h *HTTP) authorize(r *http.Request) (status int, reason string) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return http.StatusUnauthorized, "Auth info is missing for the command"
	}
	scheme, data, _ := strings.Cut(header, " ")
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || strings.Contains(data, " ") || (data == "" && scheme != "ip" && scheme != "x509") {
		return http.StatusUnauthorized, "Not authenticated"
	}
	var certs []*x509.Certificate
	if r.TLS != nil {
		certs = r.TLS.PeerCertificates
	}
	ids, err := h.op.Authenticate(scheme, []byte(data), remote.Addr().Unmap(), certs)
	if err != nil || len(ids) == 0 {
		return http.StatusUnauthorized, "Not authenticated"
	}
	if !h.op.MayAll(ids) {
		return http.StatusForbidden, "Not authorized"
	}
	return http.StatusOK, ""
}

// respond writes the answer of a command: its fields, its name, and the error or null.
func respond(w http.ResponseWriter, status int, command string, fields object, reason string) {
	var failure any
	if reason != "" {
		failure = reason
	}
	fields = append(fields, field{"command", command})
	if fields[0].key != "error" { // where the original's own order has it first
		fields = append(fields, field{"error", failure})
	}
	writeJSON(w, status, fields)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := plainJSON(v)
	if err != nil {
		http.Error(w, "cannot be written as JSON: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(pretty(b)) // a client that is gone needs no answer
}

// limiter allows one call in each interval.
type limiter struct {
	mu   sync.Mutex
	last time.Time
}

func (l *limiter) allow(now time.Time, every time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if every > 0 && !l.last.IsZero() && now.Sub(l.last) < every {
		return false
	}
	l.last = now
	return true
}

// snapshot answers with a snapshot, or, with streaming=false, leaves it in the data directory and tells its zxid and size.
func (h *HTTP) snapshot(w http.ResponseWriter, r *http.Request, c *httpCommand) {
	limits := h.limits.Load()
	switch {
	case !limits.Snapshot:
		respond(w, http.StatusServiceUnavailable, c.name, nil, "switched off by admin.snapshot.enabled")
		return
	case !h.snapshots.allow(h.opts.Now(), limits.RateLimit):
		h.op.RateLimited(false)
		respond(w, http.StatusTooManyRequests, c.name, nil, limits.often())
		return
	}
	snap, err := h.op.Snapshot(r.Context())
	if err != nil {
		h.opts.Logger.Error("the snapshot asked for over HTTP failed", zap.Error(err))
		respond(w, http.StatusInternalServerError, c.name, nil, err.Error())
		return
	}
	defer snap.File.Close()
	w.Header()["last_zxid"] = []string{snap.Zxid.String()} // spelled as the original spells them
	w.Header()["snapshot_size"] = []string{fmt.Sprint(snap.Size)}
	if s := r.URL.Query().Get("streaming"); s != "" && !strings.EqualFold(s, "true") {
		respond(w, http.StatusOK, c.name, nil, "")
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", fmt.Sprint(snap.Size))
	if _, err := io.Copy(w, snap.File); err != nil {
		h.opts.Logger.Warn("the snapshot could not be sent to its end", zap.String("peer", r.RemoteAddr), zap.Error(err))
	}
}

func (l *Limits) often() string {
	return fmt.Sprintf("only once in %v (admin.rateLimiterIntervalInMS)", l.RateLimit)
}

// restore replaces all data by the snapshot in the body.
func (h *HTTP) restore(w http.ResponseWriter, r *http.Request, c *httpCommand) {
	limits := h.limits.Load()
	switch {
	case !limits.Restore:
		respond(w, http.StatusServiceUnavailable, c.name, nil, "switched off by admin.restore.enabled")
		return
	case !h.restores.allow(h.opts.Now(), limits.RateLimit):
		h.op.RateLimited(true)
		respond(w, http.StatusTooManyRequests, c.name, nil, limits.often())
		return
	}
	last, err := h.op.Restore(r.Context(), r.Body)
	if err != nil {
		h.opts.Logger.Error("the restore asked for over HTTP failed, nothing was changed", zap.String("peer", r.RemoteAddr), zap.Error(err))
		status := http.StatusInternalServerError
		if errors.Is(err, ErrNotASnapshot) {
			status = http.StatusBadRequest
		}
		respond(w, status, c.name, nil, err.Error())
		return
	}
	respond(w, http.StatusOK, c.name, object{{"last_zxid", int64(last)}}, "")
}

// ErrNotASnapshot is why a restore is refused: what came is no snapshot, or a broken one.
var ErrNotASnapshot = errors.New("admin: not a whole and valid snapshot; nothing was changed")
