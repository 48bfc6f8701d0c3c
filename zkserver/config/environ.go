package config

import (
	"strings"
)

// environment is the Source of a configuration that was read from no file.
const environment = "the environment"

// imageVariables are the variables of the official container image, in the order in which its start script writes the
// keys, with the image's defaults. A key without a default is left out when the variable is not set. The purge is the one
// default that differs from the image's: it is on, as everywhere here.
var imageVariables = []struct{ variable, key, fallback string }{
	{"ZOO_DATA_DIR", "dataDir", "/data"},
	{"ZOO_DATA_LOG_DIR", "dataLogDir", "/datalog"},
	{"ZOO_TICK_TIME", "tickTime", "2000"},
	{"ZOO_INIT_LIMIT", "initLimit", ""},
	{"ZOO_SYNC_LIMIT", "syncLimit", ""},
	{"ZOO_AUTOPURGE_SNAPRETAINCOUNT", "autopurge.snapRetainCount", ""},
	{"ZOO_AUTOPURGE_PURGEINTERVAL", "autopurge.purgeInterval", ""},
	{"ZOO_MAX_CLIENT_CNXNS", "maxClientCnxns", "60"},
	{"ZOO_STANDALONE_ENABLED", "standaloneEnabled", ""},
	{"ZOO_ADMINSERVER_ENABLED", "admin.enableServer", ""},
	{"ZOO_4LW_COMMANDS_WHITELIST", "4lw.commands.whitelist", ""},
}

// otherVariables are those that no line of the image's zoo.cfg is made of. ZOO_MY_ID and ZOO_LOG_DIR are handed over as system
// properties, since they count with a zoo.cfg, too.
var otherVariables = " ZOO_SERVERS ZOO_PORT ZOO_CFG_EXTRA ZOO_MY_ID ZOO_CONF_DIR ZOO_LOG_DIR ZOO_LOG_FILE ZOO_USER ZOO_LOG4J_PROP " +
	"ZOO_DATADIR_AUTOCREATE_DISABLE ZOO_NOEXEC "

// FromEnvironment makes settings of the ZOO_ variables (each NAME=value, as os.Environ has them) as the official container
// image makes its zoo.cfg. ok is false when none of them is set. The warnings name variables that nothing knows.
func FromEnvironment(environ []string) (settings []Setting, warnings Problems, ok bool) {
	env := map[string]string{}
	for _, e := range environ {
		if name, value, _ := strings.Cut(e, "="); strings.HasPrefix(name, "ZOO_") && !isServiceLink(name, value) {
			env[name] = value
		}
	}
	known := otherVariables
	for _, v := range imageVariables {
		known += v.variable + " "
		value, set := env[v.variable]
		if set && value != "" {
			ok = true
		} else if value = v.fallback; value == "" {
			continue
		}
		settings = append(settings, Setting{Origin: v.variable, Name: v.key, Value: value})
	}
	if level, _, _ := strings.Cut(env["ZOO_LOG4J_PROP"], ","); level != "" {
		settings = append(settings, Setting{Origin: "ZOO_LOG4J_PROP", Name: "holdfast.logLevel", Value: level})
	}
	servers := env["ZOO_SERVERS"]
	for _, name := range []string{"ZOO_SERVERS", "ZOO_CFG_EXTRA", "ZOO_PORT"} {
		ok = ok || env[name] != ""
	}
	if port := env["ZOO_PORT"]; port != "" {
		settings = append(settings, Setting{Origin: "ZOO_PORT", Name: "clientPort", Value: port})
	} else if servers == "" {
		settings = append(settings, Setting{Origin: "ZOO_SERVERS", Name: "clientPort", Value: "2181"})
	}
	for _, list := range []string{"ZOO_SERVERS", "ZOO_CFG_EXTRA"} {
		for entry := range strings.FieldsSeq(env[list]) {
			name, value, _ := strings.Cut(entry, "=")
			settings = append(settings, Setting{Origin: list, Name: name, Value: value})
		}
	}
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		if _, ours := env[name]; ours && !strings.Contains(known, " "+name+" ") {
			warnings = append(warnings, Problem{File: "environment", Key: name, Reason: "is no variable of the official image and does nothing"})
		}
	}
	return settings, warnings, ok
}

// Text is the zoo.cfg that settings amount to, one a line.
func Text(settings []Setting) string {
	var b strings.Builder
	escape := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)
	for _, s := range settings {
		b.WriteString(s.Name + "=" + escape.Replace(s.Value) + "\n")
	}
	return b.String()
}

// isServiceLink tells whether a variable was put there by Kubernetes or Docker for a service that is called "zoo".
func isServiceLink(name, value string) bool {
	return strings.Contains(value, "://") || strings.HasPrefix(name, "ZOO_SERVICE_") || strings.HasPrefix(name, "ZOO_PORT_")
}
