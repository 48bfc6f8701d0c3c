package zkfc

import (
	"fmt"
	"io"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"

	"github.com/holdfast-ha/holdfast/internal/haconfig"
	"github.com/holdfast-ha/holdfast/internal/obs"
)

// program is the original's class that logs start and stop.
const program = "org.apache.hadoop.hdfs.tools.DFSZKFailoverController"

// controllerClass is the original's class for most of what a controller says.
const controllerClass = "org.apache.hadoop.ha.ZKFailoverController"

// newLog is the log of the configured kind: the original's layout with Hadoop's configuration, ours with holdfast.yaml.
func newLog(w io.Writer, cfg *haconfig.Config) (*zap.Logger, error) {
	if cfg.Hadoop == nil {
		return obs.NewLogger(w, cfg.Log.Level)
	}
	level, err := obs.ParseLevel(cfg.Log.Level)
	if err != nil {
		return nil, err
	}
	return javaLog(w, level), nil
}

// named is log under the name of one of the original's classes; holdfast.yaml's log has no names.
func named(log *zap.Logger, cfg *haconfig.Config, class string) *zap.Logger {
	if cfg.Hadoop == nil {
		return log
	}
	return log.Named("org.apache.hadoop.ha." + class)
}

// javaLog writes the layout of the original's daemons, %d{ISO8601} %p %c: %m%n, with the fields behind the message:
//
//	2026-11-21 19:25:38,240 INFO org.apache.hadoop.ha.ActiveStandbyElector: Session connected.
func javaLog(w io.Writer, level zapcore.LevelEnabler) *zap.Logger {
	enc := zapcore.NewJSONEncoder(zapcore.EncoderConfig{EncodeDuration: zapcore.StringDurationEncoder, EncodeTime: zapcore.ISO8601TimeEncoder})
	return zap.New(zapcore.NewCore(javaEncoder{enc}, zapcore.Lock(zapcore.AddSync(w)), level))
}

// javaEncoder leaves the fields to the encoder within, which also keeps those that With adds.
type javaEncoder struct{ zapcore.Encoder }

var lines = buffer.NewPool()

func (j javaEncoder) Clone() zapcore.Encoder { return javaEncoder{j.Encoder.Clone()} }

func (j javaEncoder) EncodeEntry(e zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	b := lines.Get()
	name := e.LoggerName
	switch i := strings.LastIndex(name, "org.apache."); {
	case i >= 0:
		name = name[i:]
	case name == "":
		name = controllerClass
	default:
		name = "org.apache.hadoop.ha." + name
	}
	fmt.Fprintf(b, "%s,%03d %s %s: %s", e.Time.Format("2006-01-02 15:04:05"), e.Time.Nanosecond()/1e6, e.Level.CapitalString(), name, e.Message)
	rest, err := j.Encoder.EncodeEntry(zapcore.Entry{}, fields)
	if err != nil {
		return nil, err
	}
	defer rest.Free()
	if s := strings.TrimSpace(rest.String()); s != "{}" {
		b.AppendString(" " + s)
	}
	b.AppendByte('\n')
	return b, nil
}
