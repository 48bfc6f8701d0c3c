// Package obs holds what the programs share for being observed: the set-up of the logger, and a latency histogram that is
// cheap enough for every request.
package obs

import (
	"fmt"
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// NewLogger writes one line for each event at or above level (debug, info, warn or error): time, level, message, and the
// fields as JSON.
func NewLogger(w io.Writer, level string) (*zap.Logger, error) {
	l, err := ParseLevel(level)
	if err != nil {
		return nil, err
	}
	return NewLoggerAt(w, l), nil
}

// NewLoggerAt is NewLogger with a level that may be changed while the logger is in use (zap.AtomicLevel).
func NewLoggerAt(w io.Writer, level zapcore.LevelEnabler) *zap.Logger {
	enc := zap.NewProductionEncoderConfig()
	enc.EncodeTime = zapcore.ISO8601TimeEncoder
	enc.EncodeLevel = zapcore.CapitalLevelEncoder
	enc.EncodeDuration = zapcore.StringDurationEncoder
	enc.ConsoleSeparator = " "
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(enc), zapcore.Lock(zapcore.AddSync(w)), level))
}

// ParseLevel reads the name of a level.
func ParseLevel(level string) (zapcore.Level, error) {
	l, err := zapcore.ParseLevel(level)
	if err != nil {
		return l, fmt.Errorf("obs: log level %q: use debug, info, warn or error", level)
	}
	return l, nil
}
