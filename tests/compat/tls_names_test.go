//go:build compat

package compat

import (
	"encoding/asn1"
	"encoding/base64"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/auth"
)

// javaNames asks Java's X500Principal.
func javaNames(t *testing.T, questions []string) []string {
	t.Helper()
	cmd := exec.Command("java", filepath.Join("testdata", "names", "Names.java"))
	code, out, errs := run(t, strings.Join(questions, "\n")+"\n", cmd)
	require.Zero(t, code, errs)
	answers := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	require.Len(t, answers, len(questions))
	return answers
}

func jumble(r *rand.Rand, from []string, n int) string {
	var b strings.Builder
	for range n {
		b.WriteString(from[r.IntN(len(from))])
	}
	return b.String()
}

// What may stand in an ACL of scheme x509 is what Java reads as a name.
func TestNamesAreReadAsByJava(t *testing.T) {
	t.Parallel()
	words := []string{
		"CN", "OU", "cn", "o", "1.2.3", "OID.2.5.4.3", "EMAILADDRESS", "X", "=", "=", "=", ",", ",", ",", "+", ";", "\\", "\"", "#", "0403414243",
		" ", "\n", "a", "b", "41", "4", "\u00e9", "<", ">", "\\,", "\\41", "\\\\", "#0c0141", "2.5.4.3", "3.1", "0.40", ".", "S", "T", "IP", "foo bar", "00",
	}
	r := rand.New(rand.NewPCG(1, 2))
	ids, questions := make([]string, 50_000), make([]string, 50_000)
	for i := range ids {
		ids[i] = jumble(r, []string{"", "CN="}, 1) + jumble(r, words, 1+r.IntN(9))
		questions[i] = "read " + base64.StdEncoding.EncodeToString([]byte(ids[i]))
	}
	registry, err := auth.New(auth.Config{X509: true})
	require.NoError(t, err)
	read := 0
	for i, answer := range javaNames(t, questions) {
		_, code := registry.FixupACL([]zkproto.ACL{{Perms: 1, ID: zkproto.ID{Scheme: "x509", ID: ids[i]}}}, nil)
		require.Equal(t, answer == "yes", code == zkproto.ErrOK, "%q", ids[i])
		if answer == "yes" {
			read++
		}
	}
	require.Greater(t, read, 5_000, "the names are too strange")
}

// A certificate's subject becomes the identity that Java makes of it, whatever it holds.
func TestNamesArePrintedAsByJava(t *testing.T) {
	t.Parallel()
	type attribute struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	type attributeSET []attribute
	kinds := []asn1.ObjectIdentifier{
		{2, 5, 4, 3},
		{2, 5, 4, 6},
		{2, 5, 4, 7},
		{2, 5, 4, 8},
		{2, 5, 4, 9},
		{2, 5, 4, 10},
		{2, 5, 4, 11},
		{0, 9, 2342, 19200300, 100, 1, 25},
		{0, 9, 2342, 19200300, 100, 1, 1},
		{1, 2, 840, 113549, 1, 9, 1},
		{2, 5, 4, 5},
		{2, 5, 4, 12},
		{1, 2, 3, 4},
	}
	chars := []string{
		"a", "B", " ", ",", "=", "+", "<", ">", "#", ";", "\"", "\\", "\u00e9", "\x00", "\r", "\n", "\u65e5", "\xff", "\U0001f600", "\u0301", "\u00a0", "\x7f", "\t",
		"\xe6\x97", "\xf0\x9f\x98", "\xe0\x80", "\xed\xa0\x80", "\xf4\x90", "\xc0\x80", "\xf0\x8f", "\x97", "\xc3", "\xed\xa0", "\xed",
	}
	tags := []int{19, 12, 12, 22, 20, 30, 27, 28, 4, 2}
	r := rand.New(rand.NewPCG(3, 4))
	subjects, questions := make([][]byte, 30_000), make([]string, 30_000)
	for i := range subjects {
		name := make([]attributeSET, r.IntN(4))
		for j := range name {
			for range 1 + r.IntN(2) {
				name[j] = append(name[j], attribute{kinds[r.IntN(len(kinds))], asn1.RawValue{Tag: tags[r.IntN(len(tags))], Bytes: []byte(jumble(r, chars, r.IntN(7)))}})
			}
		}
		var err error
		subjects[i], err = asn1.Marshal(name)
		require.NoError(t, err)
		questions[i] = "print " + base64.StdEncoding.EncodeToString(subjects[i])
	}
	for i, answer := range javaNames(t, questions) {
		want, err := base64.StdEncoding.DecodeString(answer)
		require.NoError(t, err)
		ids, err := auth.X509IDs(subjects[i], "")
		require.NoError(t, err)
		require.Equal(t, string(want), ids[0].ID, "%x", subjects[i])
	}
}
