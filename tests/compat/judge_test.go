//go:build compat

package compat

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// judge is one Java process that answers questions about the original, see testdata/judge/Judge.java.
type judge struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Reader
}

// newJudge starts the judge with these variables in its environment.
func newJudge(t *testing.T, env ...string) *judge {
	t.Helper()
	// The log of a command goes to its standard error, in the layout of the original's command-line tools.
	conf := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(conf, "log4j.properties"), []byte(`log4j.rootLogger=ERROR,c
log4j.logger.org.apache.hadoop.conf=OFF
log4j.logger.org.apache.hadoop.util.NativeCodeLoader=OFF
log4j.appender.c=org.apache.log4j.ConsoleAppender
log4j.appender.c.target=System.err
log4j.appender.c.follow=true
log4j.appender.c.layout=org.apache.log4j.PatternLayout
log4j.appender.c.layout.ConversionPattern=%p %c{2}: %m%n
`), 0o600))
	cmd := hadoop.java(t, conf, filepath.Join("testdata", "judge", "Judge.java"))
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return &judge{t, in, bufio.NewReader(out)}
}

// ask puts a question and returns the answer by names.
func (j *judge) ask(question ...string) map[string]string {
	j.t.Helper()
	_, err := fmt.Fprintln(j.in, strings.Join(question, "\t"))
	require.NoError(j.t, err)
	out := map[string]string{}
	for {
		line, err := j.out.ReadString('\n')
		require.NoError(j.t, err, "the judge has gone")
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			return out
		}
		i := strings.LastIndexByte(line, ' ')
		value, err := base64.StdEncoding.DecodeString(line[i+1:])
		require.NoError(j.t, err)
		out[line[:i]] = string(value)
	}
}
