package zkserver

import (
	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/zkserver/peer"
)

// peerTLS is how servers meet over TLS; nil when the ports for other servers take none.
func (s *Server) peerTLS() *peer.TLS {
	if s.certs.peers == nil {
		return nil
	}
	t := &peer.TLS{
		Dial: s.cfg.SSLQuorum, Plain: s.cfg.PortUnification, Source: s.certs.peers,
		ReverseDNS: s.cfg.QuorumTLS.ReverseDNS, DetectTimeout: s.cfg.QuorumTLSTimeout,
	}
	t.ServerNames, t.ClientNames = s.cfg.QuorumNames()
	s.log.Info("TLS between servers", zap.Bool("sslQuorum", t.Dial), zap.Bool("portUnification", t.Plain),
		zap.Bool("hostnameVerification", t.ServerNames), zap.Bool("clientHostnameVerification", t.ClientNames))
	return t
}

// plainPeers counts the connections with other servers that have no TLS.
func (s *Server) plainPeers() int {
	if s.peers == nil {
		return 0
	}
	n, status := 0, s.peers.Status()
	for i := range status.Links {
		if l := &status.Links[i]; l.Connected && l.TLS == "" {
			n++
		}
	}
	for i := range status.Voters {
		if v := &status.Voters[i]; v.Connected && v.TLS == "" {
			n++
		}
	}
	return n
}
