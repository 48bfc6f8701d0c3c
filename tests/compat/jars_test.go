//go:build compat

package compat

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// original is one of the originals: a directory of jars, filled by Maven once per run.
type original struct {
	pom  string
	once sync.Once
	lib  string
	err  error
}

var (
	zookeeper   = &original{pom: "zookeeper"}
	zookeeper38 = &original{pom: "zookeeper38"}
	hadoop      = &original{pom: "hadoop"}
)

// classpath returns the class path of the original, fetching its jars when they are not there.
func (o *original) classpath(t *testing.T) string {
	t.Helper()
	o.once.Do(func() {
		cache, err := os.UserCacheDir()
		if err != nil {
			o.err = err
			return
		}
		o.lib = filepath.Join(cache, "holdfast-originals", o.pom)
		pom, err := filepath.Abs(filepath.Join("testdata", o.pom, "pom.xml"))
		if err != nil {
			o.err = err
			return
		}
		cmd := exec.Command("mvn", "-B", "-q", "-f", pom, "dependency:copy-dependencies", "-DincludeScope=runtime",
			"-DoutputDirectory="+o.lib)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Logf("mvn: %s", out)
		}
		o.err = err
	})
	require.NoError(t, o.err, "the jars of %s could not be fetched", o.pom)
	return o.lib + string(filepath.Separator) + "*"
}

// small makes a JVM start fast: most of these live for seconds, and their start is most of what they cost.
var small = []string{"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}

// keytool is Java's tool for stores, which is a JVM that lives for a moment, too.
func keytool(args ...string) *exec.Cmd {
	cmd := exec.Command("keytool", args...)
	for _, flag := range small {
		cmd.Args = append(cmd.Args, "-J"+flag)
	}
	return cmd
}

// java returns the command that runs a main class of the original. conf, if not empty, comes first on the class path.
func (o *original) java(t *testing.T, conf, class string, args ...string) *exec.Cmd {
	t.Helper()
	cp := o.classpath(t)
	if conf != "" {
		cp = conf + string(filepath.ListSeparator) + cp
	}
	flags := slices.Concat(small, []string{"-Xmx256m", "-Djava.net.preferIPv4Stack=true"})
	for _, p := range []string{"io", "lang", "lang.reflect", "math", "net", "text", "util", "util.concurrent", "util.zip"} {
		flags = append(flags, "--add-opens=java.base/java."+p+"=ALL-UNNAMED")
	}
	flags = append(flags, "--add-opens=java.base/sun.security.util=ALL-UNNAMED",
		"--add-opens=java.base/sun.security.x509=ALL-UNNAMED", "-cp", cp, class)
	cmd := exec.Command("java", append(flags, args...)...)
	cmd.Env = append(os.Environ(), "HADOOP_CONF_DIR="+conf)
	return cmd
}

// server returns the command that runs the original's server on a zoo.cfg.
func (o *original) server(t *testing.T, cfg string) *exec.Cmd {
	t.Helper()
	return o.java(t, logbackDir(t), "org.apache.zookeeper.server.quorum.QuorumPeerMain", cfg)
}

// logbackDir holds the originals' logging configuration, with more loggers: without one they log every packet.
func logbackDir(t *testing.T, loggers ...string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "logback.xml"), []byte(`<configuration>
<appender name="C" class="ch.qos.logback.core.ConsoleAppender">
<encoder><pattern>%d{ISO8601} [%X{myid}] %-5p [%t:%C{1}@%L] - %m%n</pattern></encoder></appender>
<logger name="org.apache.zookeeper.server.NIOServerCnxn" level="WARN"/><logger name="org.apache.zookeeper.server.quorum.QuorumCnxManager" level="ERROR"/>
`+strings.Join(loggers, "\n")+`<root level="INFO"><appender-ref ref="C"/></root></configuration>`), 0o644))
	return dir
}
