package zktls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
)

// Error is why TLS with a server is not to be had: what happened, and how to mend it.
type Error struct {
	text string
	err  error
}

func (e *Error) Error() string { return e.text }

// Unwrap is what package tls said.
func (e *Error) Unwrap() error { return e.err }

// explain words a handshake that failed.
func (d *Dialer) explain(host string, err error) error {
	say := func(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...), err} }
	var (
		record    tls.RecordHeaderError
		authority x509.UnknownAuthorityError
		name      *tlsconf.NameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &record):
		return say("the server does not answer in TLS: connect to its secureClientPort, or do without %s", d.names.Secure)
	case errors.As(err, &authority):
		return say("the server's certificate is of an authority that is not trusted here (%s%s): add the certificate of that "+
			"authority to %s", shownBy(err), d.trusted(), d.names.TrustStore)
	case errors.As(err, &name):
		remedy := "connect by a name that it has, or have it issued for this one"
		if d.names.Hostname != "" {
			remedy += "; " + d.names.Hostname + "=false accepts every name"
		}
		return say("the server's certificate is not for %s but for %s: %s", host, namesOf(name), remedy)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		return say("the server's certificate (%s) is valid from %s to %s only: renew it at the server, or set this machine's clock",
			describe(invalid.Cert), invalid.Cert.NotBefore.Format(time.RFC3339), invalid.Cert.NotAfter.Format(time.RFC3339))
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return say("no answer to the TLS handshake in time: the server hangs, or it does not speak TLS at this port "+
			"(its secureClientPort does): %v", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, net.ErrClosed):
		return say("the server closed the connection in the TLS handshake: a plain clientPort does that, so connect to its "+
			"secureClientPort; if this is one, the server's log says why (%v)", err)
	}
	if why := d.refused(err); why != err { //nolint:errorlint // the same error, not one like it
		return why
	}
	return say("TLS handshake: %v", err)
}

// broken words the end of a connection after the handshake; at first nothing has been heard from the server. An alert may be lost
// when the server closes the connection behind it.
func (d *Dialer) broken(err error, first bool) error {
	if first && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)) {
		return &Error{fmt.Sprintf("the server closed the connection after the TLS handshake, without an answer: it is not serving yet, has too many "+
			"connections or no quorum, or refuses the certificate that was shown (%s): its log says why (%v)", d.shown(), err), err}
	}
	return d.refused(err)
}

// shown is the certificate that a server is shown.
func (d *Dialer) shown() string {
	if d.settings.KeyStore.Path == "" {
		return "none: " + d.names.KeyStore + " is not set"
	}
	return d.names.KeyStore + ": " + d.settings.KeyStore.Path
}

// refused words an alert of the server; another error is left as it is.
func (d *Dialer) refused(err error) error {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return err
	}
	alert := strings.TrimPrefix(op.Err.Error(), "tls: ")
	var why string
	switch {
	case strings.Contains(alert, "certificate required"), strings.Contains(alert, "bad certificate") && d.settings.KeyStore.Path == "":
		why = "it wants to see a certificate of the client: name a key store by " + d.names.KeyStore
		if d.settings.KeyStore.Path != "" {
			why = "it wants to see a certificate of the client, and that of " + d.settings.KeyStore.Path + " (" + d.names.KeyStore +
				") is of none of the authorities it trusts"
		}
	case strings.Contains(alert, "certificate"):
		why = "it refuses the certificate of " + d.settings.KeyStore.Path + " (" + d.names.KeyStore + "): it must be valid today, and of " +
			"an authority that is in the server's trust store"
	case strings.Contains(alert, "protocol version"), strings.Contains(alert, "handshake failure"), strings.Contains(alert, "insufficient security"):
		why = "no version of TLS or cipher suite is allowed both there and here: see " + d.names.Protocols + ", and " +
			"ssl.enabledProtocols and ssl.ciphersuites of the server"
	default:
		why = "its log says why"
	}
	return &Error{fmt.Sprintf("the server broke off TLS (%s): %s", alert, why), err}
}

// trusted says who is trusted.
func (d *Dialer) trusted() string {
	if d.settings.TrustStore.Path == "" {
		return "; trusted are those of this system"
	}
	return "; trusted are those in " + d.settings.TrustStore.Path
}

// shownBy describes the certificate that the server has shown.
func shownBy(err error) string {
	var v *tls.CertificateVerificationError
	if !errors.As(err, &v) || len(v.UnverifiedCertificates) == 0 {
		return "unknown"
	}
	return describe(v.UnverifiedCertificates[0])
}

func describe(c *x509.Certificate) string {
	if c.Subject.String() == c.Issuer.String() {
		return "it is signed by itself: " + c.Subject.String()
	}
	return c.Subject.String() + ", issued by " + c.Issuer.String()
}

// namesOf are the names that a certificate is for.
func namesOf(e *tlsconf.NameError) string {
	names := strings.Join(e.Names, ", ")
	if names == "" {
		names = "no host at all (" + e.Subject + ")"
	}
	if e.Lookup != "" {
		names += " (" + e.Lookup + ")"
	}
	return names
}
