package fencing

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.uber.org/zap"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// relax is how to do without the check of the host key, for messages.
const relax = "fencing.ssh.anyHostKey=true (holdfast.fencing.ssh.anyHostKey in hdfs-site.xml) accepts any key"

// plainHostKeys are the kinds of host key that are accepted, the preferred one first.
var plainHostKeys = []string{
	ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
}

var hostCertificates = []string{
	ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
	ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
}

// hostKey returns the check of the host key of addr (host:port), and the kinds of key to ask the host for: a host has
// several, and the one to show is the one that is known here.
func (c SSH) hostKey(addr string, log *zap.Logger) (ssh.HostKeyCallback, []string, error) {
	if c.AnyHostKey {
		return func(_ string, _ net.Addr, key ssh.PublicKey) error {
			log.Warn("Accepting the host key of "+addr+" without checking it", zap.String("key", describe(key)))
			return nil
		}, plainHostKeys, nil
	}
	files, err := c.knownHosts()
	if err != nil {
		return nil, nil, err
	}
	check, err := knownhosts.New(files...)
	if err != nil {
		return nil, nil, fmt.Errorf("known hosts: %w", err)
	}
	kinds := knownKinds(check, addr)
	if len(kinds) == 0 {
		kinds = plainHostKeys
	}
	if certified(files) {
		kinds = append(slices.Clone(hostCertificates), kinds...)
	}
	return func(host string, remote net.Addr, key ssh.PublicKey) error {
		return explain(check(host, remote, key), addr, key, files)
	}, kinds, nil
}

// knownHosts are the files to look into.
func (c SSH) knownHosts() ([]string, error) {
	if len(c.KnownHosts) > 0 {
		files := make([]string, len(c.KnownHosts))
		for i, f := range c.KnownHosts {
			files[i] = atHome(f)
			if _, err := os.Stat(files[i]); err != nil {
				return nil, fmt.Errorf("known hosts: %w", err)
			}
		}
		return files, nil
	}
	files := []string{}
	for _, f := range []string{atHome("~/.ssh/known_hosts"), filepath.FromSlash("/etc/ssh/ssh_known_hosts")} {
		if _, err := os.Stat(f); err == nil {
			files = append(files, f)
		}
	}
	return files, nil
}

// knownKinds are the kinds of key that are known of addr. The files are asked about a key that nobody has: the answer
// names those that were expected.
func knownKinds(check ssh.HostKeyCallback, addr string) []string {
	nobody, err := ssh.NewPublicKey(make(ed25519.PublicKey, ed25519.PublicKeySize))
	if err != nil {
		return nil
	}
	var ke *knownhosts.KeyError
	if !errors.As(check(addr, &net.TCPAddr{IP: net.IPv4zero}, nobody), &ke) {
		return nil
	}
	var known []string
	for _, w := range ke.Want {
		if known = append(known, w.Key.Type()); w.Key.Type() == ssh.KeyAlgoRSA {
			known = append(known, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		}
	}
	return slices.DeleteFunc(slices.Clone(plainHostKeys), func(k string) bool { return !slices.Contains(known, k) })
}

// certified tells whether the files name authorities that certify hosts. Only then a host is asked for a certificate.
func certified(files []string) bool {
	for _, f := range files {
		if text, err := os.ReadFile(f); err == nil && bytes.Contains(text, []byte("@cert-authority")) {
			return true
		}
	}
	return false
}

// explain says what is wrong with a host key, and how to mend it.
func explain(err error, addr string, key ssh.PublicKey, files []string) error {
	var ke *knownhosts.KeyError
	if err == nil || !errors.As(err, &ke) {
		return err
	}
	name := knownhosts.Normalize(addr)
	if len(ke.Want) > 0 {
		w := ke.Want[0]
		return fmt.Errorf("host key of %s is %s, but %s:%d says %s: the machine was set up anew, or another one answers in its place; "+
			"if it was set up anew, remove the old key by ssh-keygen -R '%s' -f %s and add the new one", addr, describe(key),
			w.Filename, w.Line, describe(w.Key), name, w.Filename)
	}
	where, file := "any known_hosts file (there is none)", atHome("~/.ssh/known_hosts")
	if len(files) > 0 {
		where, file = strings.Join(files, ", "), files[0]
	}
	host, port, _ := net.SplitHostPort(addr)
	return fmt.Errorf("host key of %s, %s, is not in %s: compare it with the machine's own, then add it by "+
		"ssh-keyscan -p %s %s >> %s; %s", addr, describe(key), where, port, host, file, relax)
}

func describe(key ssh.PublicKey) string { return key.Type() + " " + ssh.FingerprintSHA256(key) }
