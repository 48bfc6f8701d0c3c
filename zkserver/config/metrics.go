package config

import (
	"net"
	"strconv"
	"strings"
)

// metricsKeys only make sense together: the parser collects them, and makes MetricsAddr of them at the end.
func metricsKeys() []key {
	return fileOnly(
		key{name: "metricsProvider.className", metric: func(m *metrics, v string) error {
			m.class = v[strings.LastIndexByte(v, '.')+1:]
			switch m.class {
			case prometheusProvider, "DefaultMetricsProvider", "NullMetricsProvider":
				return nil
			}
			return bad("give org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider or remove the line",
				"%q is no known provider", v)
		}},
		key{name: "metricsProvider.httpHost", metric: func(m *metrics, v string) error { m.host = v; return nil }},
		key{name: "metricsProvider.httpPort", metric: func(m *metrics, v string) error {
			n, err := number(v, "", 1, 65535)
			m.port = int(n)
			return err
		}},
		key{name: "metricsProvider.exportJvmInfo", set: func(c *Config, v string) error { // here: of the process and of Go
			on, err := boolean(v)
			c.MetricsNoRuntime = !on
			return err
		}},
	)
}

const prometheusProvider = "PrometheusMetricsProvider"

// metrics are the metricsProvider keys.
type metrics struct {
	class, host    string
	port, tlsPort  int
	noNeed, noWant bool // of a certificate of the caller
}

func (m *metrics) addr() string {
	if m.class != prometheusProvider {
		return ""
	}
	port := m.port
	switch {
	case port == 0 && m.tlsPort != 0:
		return "" // HTTPS alone
	case port == 0:
		port = 7000
	}
	host := m.host
	if host == "0.0.0.0" {
		host = ""
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}
