//go:build hadoop && unix

package hadoop

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// jars returns the class path of an original, which Maven fetches when it is not in the user's cache yet. The poms are those of
// tests/compat.
func jars(name string) (string, error) {
	pom, err := filepath.Abs(filepath.Join("..", "compat", "testdata", name, "pom.xml"))
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(pom)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	lib := filepath.Join(cache, "holdfast-originals", name)
	done := filepath.Join(lib, ".complete-"+hex.EncodeToString(sum[:6])) // Maven's own look at what is there takes seconds
	if _, err := os.Stat(done); err == nil {
		return lib + "/*", nil
	}
	cmd := exec.Command("mvn", "-B", "-q", "-f", pom, "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+lib)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the jars of %s could not be fetched: %w: %s", name, err, out)
	}
	return lib + "/*", os.WriteFile(done, nil, 0o644)
}

// pages makes the empty web applications that a NameNode insists on and that are in no jar.
func pages(dir string) error {
	var all []error
	for _, app := range []string{"hdfs", "journal", "datanode", "static"} {
		inf := filepath.Join(dir, "webapps", app, "WEB-INF")
		all = append(all, os.MkdirAll(inf, 0o755),
			os.WriteFile(filepath.Join(inf, "web.xml"), []byte(`<web-app version="2.4" xmlns="http://java.sun.com/xml/ns/j2ee"></web-app>`), 0o644))
	}
	return errors.Join(all...)
}

// small makes a JVM start fast and stay small. The originals that are measured run without it.
var small = []string{"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss512k"}

// java is the command that runs a main class: what the start scripts of Hadoop do, without the shell around it.
func (h *hdfs) java(conf string, options []string, class string, args ...string) *exec.Cmd {
	flags := append([]string{}, options...)
	flags = append(flags, "-Djava.net.preferIPv4Stack=true", "-Dhadoop.log.dir="+h.dir)
	for _, p := range strings.Fields("java.io java.lang java.lang.reflect java.math java.net java.text java.util java.util.concurrent " +
		"java.util.zip sun.security.util sun.security.x509") {
		flags = append(flags, "--add-opens=java.base/"+p+"=ALL-UNNAMED")
	}
	flags = append(flags, "-cp", strings.Join([]string{conf, filepath.Join(h.dir, "pages"), h.lib}, string(filepath.ListSeparator)), class)
	cmd := exec.Command("java", append(flags, args...)...)
	cmd.Env = append(os.Environ(), "HADOOP_CONF_DIR="+conf)
	return cmd
}
