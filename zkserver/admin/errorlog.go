package admin

import (
	"errors"
	"log"
	"strings"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
)

// ErrorLog is the log of an HTTP server: of what that has to say, handshakes that failed are worth a line here.
func ErrorLog(l *zap.Logger) *log.Logger { return log.New(errorLog{l}, "", 0) }

type errorLog struct{ log *zap.Logger }

// Write implements io.Writer.
func (e errorLog) Write(line []byte) (int, error) {
	if rest, ok := strings.CutPrefix(strings.TrimSpace(string(line)), "http: TLS handshake error from "); ok {
		if peer, reason, ok := strings.Cut(rest, ": "); ok && reason != "EOF" {
			e.log.Warn("TLS handshake failed", zap.String("peer", peer), zap.String("error", reason),
				zap.String("remedy", tlsconf.Hint(errors.New(reason), true)))
		}
	}
	return len(line), nil
}
