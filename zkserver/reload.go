package zkserver

import (
	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/zkserver/cnxn"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// Reload takes over the hot settings of next (config.Keys tells which they are) while the server runs, between Start and
// Shutdown. It names the settings that changed, and those that differ but wait for the next start. A configuration that is
// not valid is refused, and nothing changes.
func (s *Server) Reload(next config.Config) (changed, waiting []string, err error) {
	if err := next.Validate(); err != nil {
		return nil, nil, err
	}
	s.reloadMu.Lock()
	defer s.reloadMu.Unlock()
	before := s.live.Load()
	merged, changed, waiting := before.Reload(&next)
	s.live.Store(&merged)
	s.throttle.limit.Store(int64(merged.GlobalOutstandingLimit))
	s.tokens.configure(&merged.Tokens, s.clock.Now())
	for _, p := range s.ports() {
		p.SetLimits(portLimits(&merged))
	}
	s.reloadCertificates()
	s.allowWords(merged.Commands)
	if s.admin != nil {
		s.admin.SetLimits(adminLimits(&merged))
	}
	s.setPathStats(merged.PathStats)
	if s.peers != nil && before.MessageTracker != merged.MessageTracker {
		s.peers.Track(trackedMessages(&merged))
	}
	s.onCore(func() { s.core.planSnapshot(s, false) })
	s.wakeHouse()
	s.log.Info("settings reloaded", zap.Strings("changed", changed), zap.Strings("waitForRestart", waiting))
	return changed, waiting, nil
}

// allowWords is the whitelist of four-letter words.
func (s *Server) allowWords(whitelist []string) {
	if unknown := s.words.Allow(whitelist); len(unknown) > 0 {
		s.log.Warn("4lw.commands.whitelist names words that do not exist", zap.Strings("words", unknown))
	}
}

// trackedMessages is how many messages each link to another server remembers for the log.
func trackedMessages(c *config.Config) int {
	if !c.MessageTracker.Enabled {
		return 0
	}
	return c.MessageTracker.BufferSize
}

func portLimits(c *config.Config) cnxn.Limits {
	return cnxn.Limits{MaxBuffer: c.MaxBuffer, MaxPerAddress: c.MaxClientCnxns, MaxTotal: c.MaxCnxns, LargeTotal: c.LargeRequestMaxBytes}
}
