package zkfc

import (
	"context"
	"net"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/healthcheck"
)

// The keys that say where and how long to ask a NameNode that is not healthy for its threads.
const (
	stacksAddress = "dfs.namenode.http-address"
	stacksTimeout = "dfs.ha.zkfc.nn.http.timeout.ms"
	stacksPolicy  = "dfs.http.policy"
)

// diagnose is how to find out what a sick NameNode is doing, and the time for that; nil when it is not to be asked: with
// holdfast.yaml, which does not know of a web server, when it speaks HTTPS only, or when the timeout is 0 (as in the original).
func (s *setup) diagnose() (func(ctx context.Context) ([]byte, error), time.Duration) {
	if s.cfg.Hadoop == nil {
		return nil, 0
	}
	get := func(key string) string {
		text, err := s.cfg.Hadoop.Expand(s.cfg.Hadoop.Suffixed(key, s.ns.ID, s.node.ID).Raw)
		if err != nil {
			return ""
		}
		return strings.TrimSpace(text)
	}
	ms, err := strconv.Atoi(get(stacksTimeout))
	if err != nil || ms <= 0 || strings.EqualFold(get(stacksPolicy), "HTTPS_ONLY") {
		return nil, 0
	}
	host, port, err := net.SplitHostPort(get(stacksAddress))
	if err != nil {
		s.log.Warn("no thread dump will be taken of a sick NameNode: "+stacksAddress+" is not host:port", zap.Error(err))
		return nil, 0
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = s.node.Host
	}
	return healthcheck.Stacks(net.JoinHostPort(host, port)), time.Duration(ms) * time.Millisecond
}
