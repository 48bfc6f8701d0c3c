package haadmin

import (
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// newLog writes the layout of the original's command-line tools, %d{yy/MM/dd HH:mm:ss} %p %c{2}: %m%n:
//
//	26/11/21 20:02:25 INFO ha.NodeFencer: ====== Beginning Service Fencing Process... ======
func newLog(w io.Writer) *zap.Logger {
	return zap.New(zapcore.NewCore(layout{zapcore.NewConsoleEncoder(zapcore.EncoderConfig{})}, zapcore.AddSync(w), zap.InfoLevel)).Named("ha")
}

// layout prints only what the original does; fields repeat what the message says.
type layout struct{ zapcore.Encoder }

func (l layout) Clone() zapcore.Encoder { return layout{l.Encoder.Clone()} }

var lines = buffer.NewPool()

func (l layout) EncodeEntry(e zapcore.Entry, _ []zapcore.Field) (*buffer.Buffer, error) {
	b := lines.Get()
	b.AppendTime(e.Time, "06/01/02 15:04:05")
	b.AppendString(" " + e.Level.CapitalString() + " " + e.LoggerName + ": " + e.Message + "\n")
	return b, nil
}
