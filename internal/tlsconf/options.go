package tlsconf

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// options are the settings that do not depend on a file.
type options struct {
	min, max uint16
	suites   []uint16 // nil: the defaults
	warnings []string
}

var versions = map[string]uint16{
	"TLSV1": tls.VersionTLS10, "TLSV1.0": tls.VersionTLS10, "TLSV1.1": tls.VersionTLS11,
	"TLSV1.2": tls.VersionTLS12, "TLSV1.3": tls.VersionTLS13,
}

func (s *Settings) options() (options, error) {
	var o options
	if err := s.protocols(&o); err != nil {
		return o, err
	}
	return o, s.ciphers(&o)
}

func (s *Settings) protocols(o *options) error {
	if len(s.EnabledProtocols) == 0 {
		o.min, o.max = tls.VersionTLS12, tls.VersionTLS13
		switch v := versions[strings.ToUpper(s.Protocol)]; {
		case s.Protocol == "", strings.EqualFold(s.Protocol, "TLS"):
		case v == 0:
			return &Error{Key: s.Prefix + "protocol", Reason: fmt.Sprintf("%q is not a protocol of this server", s.Protocol), Remedy: "give TLSv1.3 or TLSv1.2, or leave it out for both"}
		case v < tls.VersionTLS12:
			o.min, o.max = v, v
		default:
			o.max = v // Java enables TLSv1.2 with TLSv1.3
		}
		return nil
	}
	key := s.Prefix + "enabledProtocols"
	var found []uint16
	for _, name := range s.EnabledProtocols {
		name = strings.TrimSpace(name)
		v := versions[strings.ToUpper(name)]
		switch {
		case v != 0:
			found = append(found, v)
		case strings.EqualFold(name, "SSLv2Hello"), strings.EqualFold(name, "SSLv3"):
			o.warnings = append(o.warnings, key+": "+name+" is passed over: it is broken, and nothing here speaks it")
		default:
			return &Error{Key: key, Reason: fmt.Sprintf("%q is not a protocol", name), Remedy: "list TLSv1.3 and TLSv1.2, with commas"}
		}
	}
	if len(found) == 0 {
		return &Error{Key: key, Reason: "none of the protocols listed can be spoken", Remedy: "add TLSv1.3 or TLSv1.2"}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	o.min, o.max = found[0], found[len(found)-1]
	if int(o.max-o.min) != len(found)-1 {
		return &Error{Key: key, Reason: "leaves out a protocol between two others", Remedy: "list protocols that follow each other, such as TLSv1.2,TLSv1.3"}
	}
	return nil
}

// ciphers are the suites by name. What Go lacks is passed over while anything is left.
func (s *Settings) ciphers(o *options) error {
	if len(s.CipherSuites) == 0 {
		return nil
	}
	key := s.Prefix + "ciphersuites"
	ids := map[string]*tls.CipherSuite{}
	for _, c := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		ids[c.Name] = c
	}
	var modern int // of TLSv1.3, of which crypto/tls has always all
	var missing []string
	for _, name := range s.CipherSuites {
		name = strings.TrimSpace(name)
		c := ids[name]
		if c == nil {
			c = ids["TLS_"+strings.TrimPrefix(name, "SSL_")] // Java's older names
		}
		switch {
		case c == nil:
			missing = append(missing, name)
		case slices.Equal(c.SupportedVersions, []uint16{tls.VersionTLS13}):
			modern++
		default:
			o.suites = append(o.suites, c.ID)
		}
	}
	if modern == 0 && len(o.suites) == 0 {
		return &Error{
			Key: key, Reason: "none of the suites listed can be spoken: " + strings.Join(missing, ", "),
			Remedy: "add one such as TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 and TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, or leave the key out",
		}
	}
	if len(missing) > 0 {
		o.warnings = append(o.warnings, key+": passed over, because Go's TLS has no such suites: "+strings.Join(missing, ", "))
	}
	// A protocol of which no suite is listed is not spoken, as in Java.
	switch {
	case modern == 0:
		o.max = min(o.max, tls.VersionTLS12)
	case len(o.suites) == 0:
		o.min = tls.VersionTLS13
	}
	if o.min > o.max {
		return &Error{Key: key, Reason: "lists no suite of the protocols that are enabled", Remedy: "add suites of those, or leave the key out"}
	}
	if modern > 0 && modern < 3 && o.max == tls.VersionTLS13 {
		o.warnings = append(o.warnings, key+": the suites of TLSv1.3 cannot be chosen singly: all three are enabled")
	}
	return nil
}
