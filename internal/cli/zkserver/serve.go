package zkserver

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/obs"
	server "github.com/holdfast-ha/holdfast/zkserver"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// stopTime is how long requests under way may take to be finished after SIGTERM.
const stopTime = 10 * time.Second

// service is a server in the foreground.
type service struct {
	src    *source
	level  zap.AtomicLevel
	forced bool // the level was given on the command line
	log    *zap.Logger
	srv    *server.Server
}

// serve runs a server until ctx ends or the server fails.
func serve(ctx context.Context, f *flags, args []string, s cli.Streams) error {
	begin := time.Now()
	v := &service{src: f.source(args), level: zap.NewAtomicLevel(), forced: f.logLevel != ""}
	if v.forced {
		l, err := obs.ParseLevel(f.logLevel)
		if err != nil {
			return &exitError{exitUsage, err}
		}
		v.level.SetLevel(l)
	}
	v.log = obs.NewLoggerAt(s.Err, v.level)
	cfg, warnings, err := v.src.load()
	v.setLevel(&cfg)
	for _, w := range warnings {
		v.log.Warn(w.String())
	}
	if err != nil {
		return err
	}
	tuneGC()
	options := []server.Option{
		server.WithLogger(v.log), server.WithProperties(v.src.properties()), server.WithInitialConfig(config.Text(v.src.input.Environment)),
	}
	if v.srv, err = server.New(cfg, options...); err != nil {
		return &exitError{exitUsage, err}
	}
	reload, quiet := reloadSignal()
	defer quiet()
	if reload == nil {
		v.log.Info("this system has no SIGHUP: a changed configuration counts from the next start on")
	}
	if err := v.srv.Start(); err != nil {
		return &exitError{exitFailed, err}
	}
	announce(s.Out, v.srv, time.Since(begin), &cfg)
	v.wait(ctx, reload)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := v.srv.Shutdown(stop); err != nil {
		v.log.Error("stopped", zap.Error(err))
		return &exitError{exitFailed, err}
	}
	return nil
}

// wait returns when the server is to stop, or has failed.
func (v *service) wait(ctx context.Context, reload <-chan os.Signal) {
	attached := onTerminal()
	for {
		select {
		case <-ctx.Done():
			return
		case <-v.srv.Failed():
			return
		case <-reload:
			if attached && !onTerminal() {
				v.log.Info("the terminal is gone")
				return
			}
			v.reload()
		}
	}
}

// reload reads the configuration again. One that has problems changes nothing.
func (v *service) reload() {
	next, warnings, err := v.src.load()
	for _, w := range warnings {
		v.log.Warn(w.String())
	}
	if err == nil {
		_, _, err = v.srv.Reload(next)
	}
	if err != nil {
		v.log.Error("the changed configuration is refused, the old settings stay", zap.Error(err))
		return
	}
	v.setLevel(&next)
}

func (v *service) setLevel(cfg *config.Config) {
	if v.forced {
		return
	}
	l, err := obs.ParseLevel(cfg.LogLevel)
	if err != nil || cfg.LogLevel == "" {
		l = zap.InfoLevel
	}
	v.level.SetLevel(l)
}

// servingLine begins the line that tells that the server serves.
const servingLine = "zkserver: serving clients on "

func announce(w io.Writer, srv *server.Server, took time.Duration, cfg *config.Config) {
	metrics, ensemble := "", ""
	if cfg.Distributed() {
		ensemble = fmt.Sprintf("; server %d of %d: they are answered as soon as there is a leader", cfg.MyID, len(cfg.Servers))
	}
	if a := srv.MetricsAddr(); a != nil {
		scheme := "http"
		if cfg.MetricsAddr == "" {
			scheme = "https"
		}
		metrics = fmt.Sprintf(", metrics on %s://%s/metrics", scheme, a)
	}
	secure := ""
	switch a := srv.SecureAddr(); {
	case a == nil:
	case cfg.HasPlainPort():
		secure = fmt.Sprintf(", with TLS on %s", a)
	default:
		secure = " with TLS"
	}
	fmt.Fprintf(w, "%s%s%s%s (pid %d, ready in %s)%s\n", servingLine, srv.Addr(), secure, metrics, os.Getpid(), took.Round(100*time.Microsecond), ensemble)
}

// onTerminal tells whether the log goes to a terminal that is there.
func onTerminal() bool { return isTerminal(os.Stderr) }
