package tlsconf

import (
	"fmt"
	"os"
	"runtime"
	"time"
)

// soon is how long before its end a certificate is worth a word.
const soon = 30 * 24 * time.Hour

// Findings are what is wrong, or soon will be, with the certificates: one sentence each.
func (s *Source) Findings(now time.Time) []string {
	var out []string
	if info, err := os.Stat(s.settings.KeyStore.Path); err == nil && runtime.GOOS != "windows" && info.Mode()&0o004 != 0 {
		out = append(out, s.settings.KeyStore.Path+": every user of this machine can read the private key: chmod o-r")
	}
	for _, c := range s.Certificates() {
		whose := "an authority's certificate"
		if c.Own {
			whose = "a certificate that is shown to others"
		}
		day := c.NotAfter.UTC().Format("2006-01-02 15:04")
		switch {
		case now.After(c.NotAfter):
			out = append(out, fmt.Sprintf("%s: %s (%s) has expired at %s UTC: renew it", c.File, whose, c.Subject, day))
		case now.Before(c.NotBefore):
			out = append(out, fmt.Sprintf("%s: %s (%s) is not valid before %s UTC: look at the clock", c.File, whose, c.Subject, c.NotBefore.UTC().Format("2006-01-02 15:04")))
		case c.NotAfter.Sub(now) < soon:
			out = append(out, fmt.Sprintf("%s: %s (%s) expires at %s UTC, in %d days: renew it", c.File, whose, c.Subject, day, int(c.NotAfter.Sub(now).Hours()/24)))
		}
	}
	return out
}
