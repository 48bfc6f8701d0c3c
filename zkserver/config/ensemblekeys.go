package config

import (
	"strings"
	"time"
)

// ensemble marks keys that do nothing for a server that runs alone.
func ensemble(keys ...key) []key {
	for i := range keys {
		keys[i].ensemble = true
	}
	return keys
}

// ensembleFileKeys are those that zoo.cfg alone can hold, as in the original.
func ensembleFileKeys() []key {
	const ticks = 1 << 20
	return append(ensemble(
		intKey("initLimit", 1, ticks, func(c *Config) *int { return &c.InitLimit }),
		intKey("syncLimit", 1, ticks, func(c *Config) *int { return &c.SyncLimit }),
		key{name: "connectToLearnerMasterLimit", set: func(c *Config, v string) error {
			n, err := downward(v, "", 0, ticks)
			c.ConnectLimit = int(max(n, 0)) // 0 and less is initLimit
			return err
		}},
		boolKey("localSessionsEnabled", func(c *Config) *bool { return &c.LocalSessions }),
		boolKey("localSessionsUpgradingEnabled", func(c *Config) *bool { return &c.LocalSessionsUpgrading }),
		key{name: "observerMasterPort", set: func(c *Config, v string) error {
			n, err := downward(v, "", 0, 65535)
			c.ObserverMasterPort = int(max(n, 0)) // 0 and less is none
			return err
		}},
		boolKey("quorumListenOnAllIPs", func(c *Config) *bool { return &c.ListenOnAllIPs }),
		pathKey("oraclePath", func(c *Config) *string { return &c.OraclePath }),
		key{name: "peerType", set: func(_ *Config, v string) error {
			switch strings.ToLower(v) { // the server line counts: see checkRole
			case "participant", "observer":
				return nil
			}
			return bad("give participant or observer, or remove the line: the server.N line says it", "%q is no role", v)
		}},
	),
		boolKey("standaloneEnabled", func(c *Config) *bool { return &c.StandaloneEnabled }),
		boolKey("reconfigEnabled", func(c *Config) *bool { return &c.ReconfigEnabled }),
		pathKey("dynamicConfigFile", func(c *Config) *string { return &c.DynamicFile }),
		key{name: "server.", set: member}, key{name: "group.", set: member}, key{name: "weight.", set: member},
	)
}

// member takes nothing: the parser reads these lines, since only all of them together mean something.
func member(*Config, string) error { return nil }

func ensembleKeys() []key {
	return append(ensemble(
		yesKey("leaderServes", true, func(c *Config) *bool { return &c.LeaderServes }),
		millisKey("holdfast.rejoinGrace", 0, func(c *Config) *time.Duration { return &c.RejoinGrace }),
		intKey("commitLogCount", 0, highest, func(c *Config) *int { return &c.CommitLogCount }),
		as(intKey("maxConcurrentSnapSyncs", 1, 1<<20, func(c *Config) *int { return &c.MaxSnapSyncs }), "leader.maxConcurrentSnapSyncs"),
		as(intKey("maxConcurrentDiffSyncs", 1, 1<<20, func(c *Config) *int { return &c.MaxDiffSyncs }), "leader.maxConcurrentDiffSyncs"),
		millisKey("fastleader.minNotificationInterval", 1, func(c *Config) *time.Duration { return &c.NotifyMin }),
		millisKey("fastleader.maxNotificationInterval", 1, func(c *Config) *time.Duration { return &c.NotifyMax }),
		millisKey("cnxTimeout", 1, func(c *Config) *time.Duration { return &c.ConnectTimeout }),
		boolKey("tcpKeepAlive", func(c *Config) *bool { return &c.QuorumKeepAlive }),
		intKey("electionPortBindRetry", 0, highest, func(c *Config) *int { return &c.BindRetries }),
		boolKey("multiAddress.enabled", func(c *Config) *bool { return &c.MultiAddress }),
	),
		key{name: "myid", set: func(c *Config, v string) error {
			id, err := serverID(v)
			if err == nil {
				c.MyID = id
			}
			return err
		}},
	)
}
