package config

import "time"

// Diagnosis holds what an operator switches on while looking for something. It can be changed in a running server.
type Diagnosis struct {
	PathStats      PathStats
	MessageTracker MessageTracker
}

// PathStats are the settings of the request path statistics: which paths clients ask for most.
type PathStats struct {
	// Enabled switches them on (pathStats.enabled, default false).
	Enabled bool
	// SlotCapacity slots (default 60) of SlotDuration (default 15 s) each are looked back at.
	SlotCapacity int
	SlotDuration time.Duration
	// MaxDepth is how many parts of a path count (default 6), SampleRate the share of requests that is counted (default 0.1).
	MaxDepth   int
	SampleRate float64
	// InitialDelay is how long after they were switched on the TopPathMax (default 20) most used paths are logged first, Delay how
	// long after that each time (default 5 min, both).
	InitialDelay time.Duration
	Delay        time.Duration
	TopPathMax   int
}

// Window is how far is looked back at most.
func (p *PathStats) Window() time.Duration { return time.Duration(p.SlotCapacity) * p.SlotDuration }

// MessageTracker are the settings of the message tracker: the last messages on a link between servers go to the log when it ends.
type MessageTracker struct {
	// Enabled switches it on (messageTracker.Enabled, default false).
	Enabled bool
	// BufferSize is how many are kept, each way (messageTracker.BufferSize, default 10).
	BufferSize int
}

func defaultDiagnosis() Diagnosis {
	return Diagnosis{
		PathStats: PathStats{
			SlotCapacity: 60, SlotDuration: 15 * time.Second, MaxDepth: 6, SampleRate: 0.1,
			InitialDelay: 5 * time.Minute, Delay: 5 * time.Minute, TopPathMax: 20,
		},
		MessageTracker: MessageTracker{BufferSize: 10},
	}
}

func diagnosisKeys() []key {
	return []key{
		boolKey("pathStats.enabled", func(c *Config) *bool { return &c.PathStats.Enabled }),
		intKey("pathStats.slotCapacity", 1, 1000, func(c *Config) *int { return &c.PathStats.SlotCapacity }),
		spanKey("pathStats.slotDuration", "seconds", time.Second, 1, 86_400, func(c *Config) *time.Duration { return &c.PathStats.SlotDuration }),
		intKey("pathStats.maxDepth", 1, 1000, func(c *Config) *int { return &c.PathStats.MaxDepth }),
		shareKey("pathStats.sampleRate", func(c *Config) *float64 { return &c.PathStats.SampleRate }),
		spanKey("pathStats.initialDelay", "minutes", time.Minute, 0, 525_600, func(c *Config) *time.Duration { return &c.PathStats.InitialDelay }),
		spanKey("pathStats.delay", "minutes", time.Minute, 1, 525_600, func(c *Config) *time.Duration { return &c.PathStats.Delay }),
		intKey("pathStats.topPathMax", 1, 1000, func(c *Config) *int { return &c.PathStats.TopPathMax }),
		boolKey("messageTracker.Enabled", func(c *Config) *bool { return &c.MessageTracker.Enabled }),
		intKey("messageTracker.BufferSize", 1, 10_000, func(c *Config) *int { return &c.MessageTracker.BufferSize }),
	}
}

// spanKey is a time given in a unit of its own.
func spanKey(name, unit string, one time.Duration, least, most int64, field func(*Config) *time.Duration) key {
	return key{name: name, set: func(c *Config, v string) error {
		n, err := number(v, " of "+unit, least, most)
		if err == nil {
			*field(c) = time.Duration(n) * one
		}
		return err
	}}
}
