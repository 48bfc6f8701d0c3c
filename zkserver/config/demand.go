package config

import (
	"fmt"
	"slices"
	"strings"
)

// Demand is that clients authenticate before anything else.
type Demand struct {
	// EnforceAuth answers every request with an error, and closes the connection, while the client has no identity of one of
	// EnforceAuthSchemes (enforce.auth.enabled, default false).
	EnforceAuth bool
	// EnforceAuthSchemes are names of schemes (enforce.auth.schemes); with EnforceAuth there must be one at least.
	EnforceAuthSchemes []string
}

// DemandedSchemes are the schemes of one of which each client must have an identity; nil when nothing is demanded.
func (c *Config) DemandedSchemes() []string {
	if !c.EnforceAuth {
		return nil
	}
	return c.EnforceAuthSchemes
}

// notYet are schemes of the original that this release does not have, and why they cannot be demanded.
var notYet = map[string]string{
	"sasl": "SASL " + later,
}

// schemes are those that a client can be known by here.
func (c *Config) schemes() []string {
	out := []string{"ip"}
	if c.DigestAuth {
		out = append(out, "digest")
	}
	if c.EnsembleAuth {
		out = append(out, "ensemble")
	}
	if c.X509() {
		out = append(out, "x509")
	}
	return out
}

func demandKeys() []key {
	return []key{
		boolKey("enforce.auth.enabled", func(c *Config) *bool { return &c.EnforceAuth }),
		{name: "enforce.auth.schemes", set: func(c *Config, v string) error {
			c.EnforceAuthSchemes = nil
			for name := range strings.SplitSeq(strings.TrimRight(v, ","), ",") { // what is behind the last name does not count there, either
				c.EnforceAuthSchemes = append(c.EnforceAuthSchemes, strings.TrimSpace(name))
			}
			return nil
		}},
	}
}

// demandProblem is why clients cannot be asked for what the configuration wants of them: the original does not start with it, either.
func (c *Config) demandProblem() (p Problem, bad bool) {
	known := c.schemes()
	p = Problem{File: c.Source, Key: "enforce.auth.schemes", Remedy: "give one or more of " + strings.Join(known, ", ") + ", with commas between"}
	schemes := c.DemandedSchemes()
	if c.EnforceAuth && (len(schemes) == 0 || slices.Equal(schemes, []string{""})) {
		p.Key, p.Reason, p.Remedy = "enforce.auth.enabled", "is true, and enforce.auth.schemes names no scheme",
			"add a line such as enforce.auth.schemes=digest"
		return p, true
	}
	for _, s := range schemes {
		if slices.Contains(known, s) {
			continue
		}
		p.Reason = fmt.Sprintf("no scheme %q is set up on this server", s)
		if why, ok := notYet[s]; ok {
			p.Reason, p.Remedy = why, "remove "+s+", or stay with the original until then"
		}
		return p, true
	}
	return p, false
}

// demandWarnings says what is allowed and is hardly meant.
func (c *Config) demandWarnings() []string {
	switch {
	case len(c.EnforceAuthSchemes) > 0 && !c.EnforceAuth:
		return []string{"accepted, but nobody is asked to authenticate: enforce.auth.enabled is not true"}
	case slices.Equal(c.DemandedSchemes(), []string{"ensemble"}):
		return []string{"names ensemble alone, which makes nobody known: every client is turned away"}
	}
	return nil
}
