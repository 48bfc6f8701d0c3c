package zkbench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/freeport"
)

// contender is one of the two servers compared.
type contender struct {
	name    string
	version string
	path    string // of the program, or of the jars
	heapMB  int    // of the JVM; 0 when there is none
	command func(cfg string) *exec.Cmd
}

// findZkserver returns our server: at path, beside this executable, or on PATH.
func findZkserver(path string) (*contender, error) {
	if path == "" {
		if own, err := os.Executable(); err == nil {
			if p, err := exec.LookPath(filepath.Join(filepath.Dir(own), "zkserver")); err == nil {
				path = p
			}
		}
	}
	if path == "" {
		path = "zkserver"
	}
	found, err := exec.LookPath(path)
	if err != nil {
		return nil, fmt.Errorf("no zkserver to compare: %w (say --zkserver PATH)", err)
	}
	return &contender{name: "zkserver", path: found, command: func(cfg string) *exec.Cmd {
		return exec.Command(found, "start-foreground", cfg) //nolint:noctx // ended by process.stop
	}}, nil
}

var zookeeperJar = regexp.MustCompile(`^zookeeper-(\d[\w.-]*)\.jar$`)

// originalVersion is the release used when none is there.
const originalVersion = "3.9.5"

// findOriginal returns Apache ZooKeeper: its jars in dir or in dir/lib (a binary distribution), or those that Maven has or
// fetches, which then are kept in cache. scratch takes the logging configuration.
func findOriginal(ctx context.Context, dir, cache, scratch string, heapMB int) (*contender, error) {
	java := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", "java")
	}
	java, err := exec.LookPath(java)
	if err != nil {
		return nil, fmt.Errorf("the original needs Java 11 or newer: %w", err)
	}
	lib, version := "", ""
	if dir != "" {
		for _, d := range []string{dir, filepath.Join(dir, "lib")} {
			if version = jarVersion(d); version != "" {
				lib = d
				break
			}
		}
		if lib == "" {
			return nil, fmt.Errorf("--original %s: neither there nor in its lib is a zookeeper-3.x.jar", dir)
		}
	} else {
		if lib, err = mavenJars(ctx, cache); err != nil {
			return nil, err
		}
		version = jarVersion(lib)
	}
	conf := filepath.Join(dir, "conf")
	if _, err := os.Stat(filepath.Join(conf, "logback.xml")); dir == "" || err != nil {
		conf = filepath.Join(scratch, "conf")
		if err := os.MkdirAll(conf, 0o755); err != nil {
			return nil, fmt.Errorf("logging configuration of the original: %w", err)
		}
		if err := os.WriteFile(filepath.Join(conf, "logback.xml"), []byte(logback), 0o644); err != nil {
			return nil, fmt.Errorf("logging configuration of the original: %w", err)
		}
	}
	classpath := conf + string(filepath.ListSeparator) + filepath.Join(lib, "*")
	return &contender{name: "original", version: version, path: lib, heapMB: heapMB, command: func(cfg string) *exec.Cmd {
		return exec.Command(java, originalArgs(heapMB, filepath.Dir(cfg), classpath, cfg)...) //nolint:gosec,noctx // as above
	}}, nil
}

// originalArgs are the arguments with which bin/zkServer.sh starts the original when nothing is configured.
func originalArgs(heapMB int, dir, classpath, cfg string) []string {
	return []string{
		fmt.Sprintf("-Xmx%dm", heapMB), "-XX:+HeapDumpOnOutOfMemoryError", "-XX:HeapDumpPath=" + dir,
		"-XX:OnOutOfMemoryError=kill -9 %p", "-Dcom.sun.management.jmxremote", "-Dcom.sun.management.jmxremote.local.only=false",
		"-cp", classpath, "org.apache.zookeeper.server.quorum.QuorumPeerMain", cfg,
	}
}

// logback is what the distribution's conf/logback.xml says: messages from INFO on. Without it everything is logged.
const logback = `<configuration>
  <appender name="CONSOLE" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{ISO8601} [myid:%X{myid}] - %-5p [%t:%C{1}@%L] - %m%n</pattern></encoder>
    <filter class="ch.qos.logback.classic.filter.ThresholdFilter"><level>INFO</level></filter>
  </appender>
  <root level="INFO"><appender-ref ref="CONSOLE"/></root>
</configuration>
`

// jarVersion is the version of the zookeeper jar in dir, empty if there is none.
func jarVersion(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	for _, e := range slices.Backward(entries) {
		if m := zookeeperJar.FindStringSubmatch(e.Name()); m != nil {
			return m[1]
		}
	}
	return ""
}

// mavenJars has Maven copy the jars of the original from its local repository, or from the network what is missing there,
// into cache/lib, where the next run finds them.
func mavenJars(ctx context.Context, cache string) (string, error) {
	lib := filepath.Join(cache, originalVersion)
	if jarVersion(lib) != "" {
		return lib, nil
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", errors.New("no Apache ZooKeeper to compare with: say --original DIR, an unpacked binary release or a directory of " +
			"its jars, or install Maven, which fetches it")
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("jars of the original: %w", err)
	}
	pom := filepath.Join(cache, "pom.xml")
	if err := os.WriteFile(pom, []byte(originalPOM()), 0o644); err != nil {
		return "", fmt.Errorf("jars of the original: %w", err)
	}
	part := lib + ".part" // a broken copy must not look whole
	args := []string{"-B", "-q", "-f", pom, "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=" + part}
	if err := exec.CommandContext(ctx, mvn, append([]string{"-o"}, args...)...).Run(); err != nil { // the local repository is enough?
		if out, err := exec.CommandContext(ctx, mvn, args...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("fetch Apache ZooKeeper %s with mvn: %w (say --original DIR instead)\n%s", originalVersion, err, out)
		}
	}
	if err := os.Rename(part, lib); err != nil {
		return "", fmt.Errorf("jars of the original: %w", err)
	}
	return lib, nil
}

// originalPOM names the original's server and what its binary release adds to it.
func originalPOM() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>zkbench</groupId><artifactId>original</artifactId><version>1</version>
<dependencyManagement><dependencies><dependency><groupId>org.apache.zookeeper</groupId><artifactId>parent</artifactId>
<version>%[1]s</version><type>pom</type><scope>import</scope></dependency></dependencies></dependencyManagement>
<dependencies><dependency><groupId>org.apache.zookeeper</groupId><artifactId>zookeeper</artifactId><version>%[1]s</version></dependency>
`, originalVersion)
	for _, a := range []string{
		"org.eclipse.jetty:jetty-server", "org.eclipse.jetty:jetty-servlet", "org.eclipse.jetty:jetty-client",
		"com.fasterxml.jackson.core:jackson-databind", "io.dropwizard.metrics:metrics-core", "org.xerial.snappy:snappy-java",
		"commons-cli:commons-cli", "org.jline:jline", "ch.qos.logback:logback-classic", "ch.qos.logback:logback-core",
	} {
		group, artifact, _ := strings.Cut(a, ":")
		fmt.Fprintf(&b, "<dependency><groupId>%s</groupId><artifactId>%s</artifactId></dependency>\n", group, artifact)
	}
	b.WriteString("</dependencies></project>\n")
	return b.String()
}

// instance is a contender running on a data directory.
type instance struct {
	*process
	c    *contender
	dir  string // of this run: zoo.cfg, server.log, data
	addr string
}

// target is what a load is put on: a server, or the servers of an ensemble.
type target struct {
	addrs []string
	pids  []int
}

func (i *instance) target() target { return target{addrs: []string{i.addr}, pids: []int{i.pid()}} }

// dataDir is where the contender keeps its files.
func (i *instance) dataDir() string { return filepath.Join(i.dir, "data") }

// defaultSnapCount is the original's.
const defaultSnapCount = 100_000

// zooCfg is the configuration of both: what a new installation has, on loopback, with no limit on connections.
func zooCfg(dir string, port, snapCount int) string {
	return fmt.Sprintf("tickTime=2000\ndataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\n"+
		"admin.enableServer=false\nsnapCount=%d\n", filepath.ToSlash(filepath.Join(dir, "data")), port, snapCount)
}

// boot starts the contender on dir and tells how long it took until it had answered a request.
func (c *contender) boot(ctx context.Context, dir string, snapCount int) (*instance, time.Duration, error) {
	port, err := freeport.One()
	if err != nil {
		return nil, 0, err
	}
	return c.start(ctx, dir, port, zooCfg(dir, port, snapCount))
}

// start starts the contender with the given configuration, which says dir and port.
func (c *contender) start(ctx context.Context, dir string, port int, text string) (*instance, time.Duration, error) {
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
		return nil, 0, fmt.Errorf("data directory: %w", err)
	}
	cfg := filepath.Join(dir, "zoo.cfg")
	if err := os.WriteFile(cfg, []byte(text), 0o644); err != nil {
		return nil, 0, fmt.Errorf("configuration: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(dir, "server.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, 0, fmt.Errorf("output of the server: %w", err)
	}
	defer log.Close()
	cmd := c.command(cfg)
	cmd.Stdout, cmd.Stderr = log, log
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	p, t, err := launch(ctx, startOptions{server: addr, timeout: 5 * time.Minute}, cmd, logFile(log.Name()))
	if err != nil {
		return nil, 0, err
	}
	return &instance{process: p, c: c, dir: dir, addr: addr}, time.Duration(t.ServedMS * float64(time.Millisecond)), nil
}
