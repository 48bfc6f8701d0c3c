package config

import "path/filepath"

// Audit holds the settings of the audit log.
type Audit struct {
	// AuditEnabled writes the audit log (audit.enable, default false).
	AuditEnabled bool
	// AuditDir is its directory (log.dir, the property zookeeper.log.dir; empty, the default: DataDir).
	AuditDir string
	// AuditFile is its name there, or a path (auditlog.file, the property zookeeper.auditlog.file; default
	// zookeeper_audit.log).
	AuditFile string
	// AuditClass is the original's class that writes the lines (audit.impl.class); with AuditEnabled it must be empty or
	// one of the two that come with the original, since classes of others cannot be loaded.
	AuditClass string
}

func defaultAudit() Audit { return Audit{AuditFile: "zookeeper_audit.log"} }

// AuditPath is the file of the audit log.
func (c *Config) AuditPath() string {
	if filepath.IsAbs(c.AuditFile) {
		return c.AuditFile
	}
	if c.AuditDir != "" {
		return filepath.Join(c.AuditDir, c.AuditFile)
	}
	return filepath.Join(c.DataDir, c.AuditFile)
}

func auditKeys() []key {
	return []key{
		boolKey("audit.enable", func(c *Config) *bool { return &c.AuditEnabled }),
		textKey("audit.impl.class", func(c *Config) *string { return &c.AuditClass }),
		pathKey("log.dir", func(c *Config) *string { return &c.AuditDir }),
		pathKey("auditlog.file", func(c *Config) *string { return &c.AuditFile }),
	}
}

// auditProblem is what is wrong with the settings of the audit log.
func (c *Config) auditProblem() (p Problem, bad bool) {
	switch c.AuditClass {
	case "", "org.apache.zookeeper.audit.Slf4jAuditLogger", "org.apache.zookeeper.audit.Log4jAuditLogger":
		return p, false
	}
	return Problem{
		File: c.Source, Key: "audit.impl.class", Reason: c.AuditClass + " is not built in, and no class can be added",
		Remedy: "remove it: the audit log then goes to a file, " + c.AuditPath(),
	}, c.AuditEnabled
}
