package zktls

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/magiconair/properties"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
)

// Properties are the settings of a client by the names of the original's system properties and of its -client-configuration.
// The zero value is a client without TLS.
type Properties struct {
	secure  bool
	socket  string // the class, without its package
	fips    string
	reverse bool
	names   string // ssl.hostnameVerification
	s       tlsconf.Settings
}

const (
	prefix     = "zookeeper.ssl."
	secureKey  = "zookeeper.client.secure"
	socketKey  = "zookeeper.clientCnxnSocket"
	fipsKey    = "zookeeper.fips-mode"
	netty, nio = "ClientCnxnSocketNetty", "ClientCnxnSocketNIO"
)

// propertyNames are how Properties are called in messages.
var propertyNames = Names{
	Secure: secureKey + "=true", KeyStore: prefix + "keyStore.location", TrustStore: prefix + "trustStore.location",
	Hostname: prefix + "hostnameVerification", Protocols: prefix + "enabledProtocols and " + prefix + "ciphersuites",
}

// Known tells whether a property is one of these.
func Known(key string) bool {
	return key == secureKey || key == socketKey || key == fipsKey || strings.HasPrefix(key, prefix)
}

// Secret tells whether the value of a property must not be shown.
func Secret(key string) bool {
	return strings.HasPrefix(key, prefix+"keyStore.p") || strings.HasPrefix(key, prefix+"trustStore.p") // also misspelt
}

// Set takes a property for which Known is true. Later ones win. The error does not hold the value.
func (p *Properties) Set(key, value string) error {
	value = strings.TrimSpace(value)
	switch key {
	case secureKey:
		p.secure = isTrue(value)
		return nil
	case fipsKey:
		p.fips = value
		return nil
	case socketKey:
		p.socket = strings.TrimPrefix(value, "org.apache.zookeeper.")
		if p.socket != netty && p.socket != nio && p.socket != "" {
			return fmt.Errorf("a class of your own cannot be loaded: write %s, with which TLS is spoken, or leave it out", netty)
		}
		return nil
	}
	return p.ssl(strings.TrimPrefix(key, prefix), value)
}

func (p *Properties) ssl(name, value string) error {
	if of, ok := strings.CutPrefix(name, "keyStore."); ok {
		return store(&p.s.KeyStore, of, value)
	}
	if of, ok := strings.CutPrefix(name, "trustStore."); ok {
		return store(&p.s.TrustStore, of, value)
	}
	switch name {
	case "protocol":
		p.s.Protocol = value
	case "enabledProtocols":
		p.s.EnabledProtocols = list(value)
	case "ciphersuites":
		p.s.CipherSuites = list(value)
	case "hostnameVerification":
		p.names = value
	case "allowReverseDnsLookup":
		p.reverse = isTrue(value)
	case "crl", "ocsp":
		if isTrue(value) {
			return errors.New("whether a certificate has been revoked is not asked for here: set it to false, and let certificates be " +
				"short-lived, or take the authority out of the trust store")
		}
	case "sslProvider":
		if value != "" && value != "JDK" {
			return errors.New("there is one implementation of TLS here, Go's: leave it out")
		}
	case "context.supplier.class":
		if value != "" {
			return errors.New("a class of your own cannot be loaded: name the stores by " + prefix + "keyStore.location and " +
				prefix + "trustStore.location")
		}
	case "clientAuth", "clientHostnameVerification", "handshakeDetectionTimeoutMillis", "authProvider": // of servers
	default:
		if !strings.HasPrefix(name, "quorum.") { // between servers
			return errors.New("no such key: docs/compatibility.md lists those of TLS")
		}
	}
	return nil
}

func store(to *tlsconf.Store, name, value string) error {
	switch name {
	case "location":
		to.Path = value
	case "type":
		to.Type = value
	case "password":
		to.Password = value
	case "passwordPath":
		to.PasswordPath = value
	default:
		return errors.New("no such key (known: location, type, password, passwordPath)")
	}
	return nil
}

// Read takes the properties of a file. One that is not Known is refused: it would have no effect. The error names the lines' keys.
func (p *Properties) Read(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	props, err := (&properties.Loader{Encoding: properties.ISO_8859_1, DisableExpansion: true}).LoadBytes(data)
	if err != nil {
		return err
	}
	var errs []error
	for _, key := range props.Keys() {
		value, _ := props.Get(key)
		if !Known(key) {
			errs = append(errs, fmt.Errorf("%s: no such key here (known: %s, %s, %s*)", key, secureKey, socketKey, prefix))
		} else if err := p.Set(key, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	return errors.Join(errs...)
}

// Secure tells whether TLS is asked for.
func (p *Properties) Secure() bool { return p.secure }

// Unused tells whether a store is named though TLS is not asked for: the original's client goes on without TLS then, and so does ours.
func (p *Properties) Unused() bool {
	return !p.secure && (p.s.KeyStore.Path != "" || p.s.TrustStore.Path != "")
}

// Settings are what the properties amount to.
func (p *Properties) Settings() tlsconf.Settings {
	s := p.s
	s.Prefix = prefix
	s.VerifyServer = p.names == "" || isTrue(p.names)
	// The original looks addresses up backwards only where its own code checks the names, which is not so in FIPS mode, its default.
	s.ReverseDNS = p.reverse && p.fips != "" && !isTrue(p.fips)
	return s
}

// Check is what is wrong with the properties as a whole.
func (p *Properties) Check() error {
	if p.secure && p.socket == nio {
		return fmt.Errorf("%s=true with %s=%s: that class does not speak TLS, and the original would go on without: write %s, or leave it out",
			secureKey, socketKey, nio, netty)
	}
	return nil
}

// Dialer reads the stores. It is nil when TLS is not asked for.
func (p *Properties) Dialer(warn func(string)) (*Dialer, error) {
	if err := p.Check(); err != nil || !p.secure {
		return nil, err
	}
	return New(p.Settings(), propertyNames, warn)
}

// isTrue is Java's Boolean.parseBoolean.
func isTrue(value string) bool { return strings.EqualFold(value, "true") }

func list(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
}
