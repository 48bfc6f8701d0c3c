package zkcli

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/magiconair/properties"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zktls"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// clientOptions are the settings of a -client-configuration file, and of the environment, that mean something here.
type clientOptions struct {
	requestTimeout time.Duration // zookeeper.request.timeout, milliseconds in the file; 0: none
	maxBuffer      int           // jute.maxbuffer, bytes; 0: the client's own limit
	noWatchReset   bool          // zookeeper.disableAutoWatchReset
	file           string        // of -client-configuration
	tls            zktls.Properties
	dialer         *zktls.Dialer // nil: plain connections
}

// flags takes the system properties of a java command line, as zkCli.sh hands them on from a variable of the environment. What
// else stands there is for the JVM, or for the server, which may have the same variable.
func (o *clientOptions) flags(variable string) error {
	settings, _ := config.ParseJVMFlags(variable, os.Getenv(variable))
	for _, s := range settings {
		switch {
		case s.Name == "zookeeper.request.timeout", s.Name == "jute.maxbuffer", s.Name == "zookeeper.disableAutoWatchReset",
			s.Name == "java.security.auth.login.config", zktls.Known(s.Name):
			if err := o.set(s.Name, s.Value); err != nil {
				return fmt.Errorf("%s: -D%s: %w", variable, shown(s.Name, s.Value), err)
			}
		}
	}
	return nil
}

// read reads a properties file as ZKClientConfig does. All that is wrong with it is answered at once: what asks for
// security that would silently not be there is refused, and so is a key that nobody knows.
func (o *clientOptions) read(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	props, err := (&properties.Loader{Encoding: properties.ISO_8859_1, DisableExpansion: true}).LoadBytes(data)
	if err != nil {
		return err
	}
	o.file = path
	var errs []error
	for _, key := range props.Keys() {
		value, _ := props.Get(key)
		if err := o.set(key, strings.TrimSpace(value)); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", shown(key, value), err))
		}
	}
	return errors.Join(errs...)
}

// shown is key=value without a secret.
func shown(key, value string) string {
	if zktls.Secret(key) {
		value = "(not shown)"
	}
	return key + "=" + value
}

// open reads the stores of TLS, if that is asked for.
func (o *clientOptions) open(warn func(string)) (err error) {
	if o.file != "" && o.tls.Unused() {
		warn(o.file + " names a store for TLS, but zookeeper.client.secure is not true: the connection is not encrypted")
	}
	o.dialer, err = o.tls.Dialer(warn)
	return err
}

// secure is what makes connections secret; nil for plain ones.
func (o *clientOptions) secure() zkclient.Secure {
	if o.dialer == nil {
		return nil
	}
	return o.dialer.Secure
}

var errSASL = errors.New("zkcli does not speak SASL yet: leave the key out, or set zookeeper.sasl.client=false")

func (o *clientOptions) set(key, value string) error {
	var err error
	switch key {
	case "zookeeper.request.timeout":
		var ms int64
		if ms, err = strconv.ParseInt(value, 10, 64); err != nil || ms < 0 {
			return errors.New("must be a number of milliseconds, 0 for none")
		}
		o.requestTimeout = time.Duration(ms) * time.Millisecond
	case "jute.maxbuffer":
		n, err := strconv.ParseInt(value, 0, 32)
		if err != nil || n <= 0 {
			return errors.New("must be a number of bytes")
		}
		o.maxBuffer = int(n)
	case "zookeeper.disableAutoWatchReset":
		o.noWatchReset = strings.EqualFold(value, "true")
	case "zookeeper.sasl.client":
		if strings.EqualFold(value, "true") {
			return errSASL
		}
	default:
		switch {
		case zktls.Known(key):
			return o.tls.Set(key, value)
		case strings.HasPrefix(key, "zookeeper.sasl."), strings.HasPrefix(key, "zookeeper.server."),
			strings.HasPrefix(key, "java.security."), strings.HasPrefix(key, "zookeeper.kinit"):
			return errSASL
		}
		return errors.New("no such key (known: zookeeper.request.timeout, jute.maxbuffer, zookeeper.disableAutoWatchReset, and for TLS " +
			"zookeeper.client.secure, zookeeper.clientCnxnSocket, zookeeper.ssl.*)")
	}
	return nil
}
