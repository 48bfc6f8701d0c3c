package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
)

// Hint is what to do about a handshake that failed, in the words of an operator; empty if the error tells nothing. server says
// that the handshake was one of a port, so that the peer is a client.
func Hint(err error, server bool) string {
	peer, own := "the server", "the client"
	if server {
		peer, own = "the client", "the server"
	}
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		if string(record.RecordHeader[:]) == "HTTP/" {
			return "the port speaks HTTP"
		}
		return peer + " speaks no TLS here: give it the other port, or make it use TLS"
	}
	if e, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		_ = e
		return "put the certificate of the authority that has issued " + peer + "'s into the trust store of " + own
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if e.Reason == x509.Expired {
			return "renew the certificate of " + peer + ", and look at the clocks of both"
		}
		return "have the certificate of " + peer + " issued anew"
	}
	if _, ok := errors.AsType[*NameError](err); ok {
		return "have the certificate of " + peer + " issued with this name or address as subject alternative name, or connect by a name that it holds"
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return alertHint(alert.Error(), peer, own)
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "remote error:"):
		return alertHint(text, peer, own)
	case strings.Contains(text, "didn't provide a certificate"):
		return "give " + peer + " a key store with a certificate, or set clientAuth to want or none"
	case strings.Contains(text, "unsupported versions"), strings.Contains(text, "unsupported version"):
		return "let both sides enable a protocol in common: enabledProtocols"
	case strings.Contains(text, "no cipher suite"):
		return "let both sides enable a suite in common: ciphersuites, and a key (RSA or EC) that fits it"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "the handshake took too long: " + peer + " is slow or speaks no TLS"
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), strings.Contains(text, "connection reset"):
		return peer + " has closed the connection: its log says why"
	}
	return ""
}

// alertHint reads what the other side has said before it closed.
func alertHint(text, peer, own string) string {
	switch {
	case strings.Contains(text, "unknown certificate authority"), strings.Contains(text, "unknown certificate"):
		return "put the certificate of the authority that has issued " + own + "'s into the trust store of " + peer + ", and look at its name and its end"
	case strings.Contains(text, "bad certificate"), strings.Contains(text, "certificate required"):
		return peer + " does not accept what " + own + " has shown, or that it has shown none: look into the log of " + peer
	case strings.Contains(text, "expired certificate"):
		return "renew the certificate of " + own + ", and look at the clocks of both"
	case strings.Contains(text, "protocol version"):
		return "let both sides enable a protocol in common: enabledProtocols"
	case strings.Contains(text, "handshake failure"):
		return "let both sides enable a suite in common (ciphersuites), and look whether " + peer + " demands a certificate"
	}
	return "the log of " + peer + " says why"
}
