package haconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/hadoopconf"
)

const (
	providerKey     = "hadoop.security.credential.provider.path"
	fallbackKey     = "hadoop.security.credential.clear-text-fallback"
	passwordFileKey = "hadoop.security.credstore.java-keystore-provider.password-file"
	passwordEnv     = "HADOOP_CREDSTORE_PASSWORD"
)

// credentials looks for ha.zookeeper.auth in the credential providers, which come before the files (Configuration.getPassword).
// Those in HDFS are passed over, as in the original: the HDFS is what is to be kept alive here.
func (b *bridge) credentials() {
	v, ok := b.conf.Lookup(providerKey)
	if !ok || b.own["zookeeper.auth"] {
		return
	}
	for _, uri := range splitList(b.value(v)) {
		secret, found, err := b.secret(uri)
		if err != nil {
			b.complain(v, fmt.Sprintf("%s cannot be asked for %s: %s", uri, authKey, err),
				"mend it, or put the identity into a file that only zkfc can read, and set "+OwnPrefix+"zookeeper.auth to @FILE (empty: no identity is needed)")
			return
		}
		if found {
			b.cfg.Zookeeper.Auth = secret
			b.origins.set("zookeeper.auth", uri)
			return
		}
	}
	if v, ok := b.conf.Lookup(fallbackKey); ok && !b.boolean(v, true) {
		b.cfg.Zookeeper.Auth = ""
		b.origins.set("zookeeper.auth", v.From.String())
	}
}

// secret asks one provider; a store that is not there has no entries.
func (b *bridge) secret(uri string) (secret string, found bool, err error) {
	scheme, rest, _ := strings.Cut(uri, "://")
	system, path, _ := strings.Cut(rest, "/")
	system, _, _ = strings.Cut(system, "@")
	switch {
	case scheme == "user", system == "hdfs":
		return "", false, nil
	case scheme != "jceks" && scheme != "localjceks":
		return "", false, errors.New("only stores of the type JCEKS can be opened, jceks://file/PATH")
	case system != "file" && (system != "" || scheme != "localjceks"):
		return "", false, errors.New("only stores of the local file system can be opened, jceks://file/PATH")
	}
	store, err := os.ReadFile(hadoopconf.FilePath("/" + path))
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	password, err := b.password()
	if err != nil {
		return "", false, err
	}
	return hadoopconf.Secret(store, password, authKey)
}

// password is that of all stores: from the environment, from the file of passwordFileKey, or the original's "none".
func (b *bridge) password() (string, error) {
	if p := os.Getenv(passwordEnv); p != "" {
		return p, nil
	}
	file := b.get(passwordFileKey)
	if file == "" {
		return "none", nil
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(b.conf.Dir(), file)
	}
	text, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return "", fmt.Errorf("%s: %w", passwordFileKey, err)
	}
	return strings.TrimSpace(string(text)), nil
}
