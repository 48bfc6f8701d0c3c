package config

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Numbers that the original takes, each with what it makes of them: -1 for no limit is in many files.
func TestNumbersThatTheOriginalTakes(t *testing.T) {
	const good = "dataDir=/d\nclientPort=1\n"
	for line, want := range map[string]struct {
		field string
		value any
		told  string
	}{
		"maxClientCnxns=-1":                                    {"MaxClientCnxns", -1, ""},
		"maxClientCnxns=-2147483648":                           {"MaxClientCnxns", -1, ""},
		"maxCnxns=-1":                                          {"MaxCnxns", 0, ""},
		"clientPortListenBacklog=0":                            {"ListenBacklog", 0, ""},
		"clientPortListenBacklog=-5":                           {"ListenBacklog", 0, ""},
		"autopurge.purgeInterval=-1":                           {"PurgeInterval", time.Duration(0), ""},
		"autopurge.snapRetainCount=-1":                         {"SnapRetainCount", 3, "counts as 3, which is the least"},
		"autopurge.snapRetainCount=2":                          {"SnapRetainCount", 3, "counts as 3, which is the least"},
		"autopurge.snapRetainCount=3":                          {"SnapRetainCount", 3, ""},
		"snapCount=1":                                          {"SnapCount", 2, "counts as 2, which is the least"},
		"snapCount=-1":                                         {"SnapCount", 2, "counts as 2, which is the least"},
		"globalOutstandingLimit=0":                             {"GlobalOutstandingLimit", 0, ""},
		"globalOutstandingLimit=-1":                            {"GlobalOutstandingLimit", 0, ""},
		"requestThrottleLimit=-1":                              {"ThrottleLimit", 0, ""},
		"throttledOpWaitTime=-1":                               {"ThrottledOpWait", time.Duration(0), ""},
		"largeRequestThreshold=0":                              {"LargeRequestThreshold", -1, ""},
		"largeRequestThreshold=-2":                             {"LargeRequestThreshold", -1, ""},
		"snapSizeLimitInKb=-7":                                 {"SnapSizeLimit", int64(-1), ""},
		"snapSizeLimitInKb=0":                                  {"SnapSizeLimit", int64(-1), ""},
		"txnLogSizeLimitInKb=-2":                               {"LogSizeLimit", int64(-1), ""},
		"preAllocSize=0":                                       {"PreAllocSize", int64(-1), ""},
		"preAllocSize=-1":                                      {"PreAllocSize", int64(-1), ""},
		"admin.idleTimeout=0":                                  {"AdminIdleTimeout", time.Duration(0), ""},
		"admin.idleTimeout=-1":                                 {"AdminIdleTimeout", time.Duration(0), ""},
		"admin.rateLimiterIntervalInMS=-1":                     {"AdminRateLimit", time.Duration(0), ""},
		"fsync.warningthresholdms=0":                           {"FsyncWarnThreshold", time.Millisecond - 1, ""},
		"fsync.warningthresholdms=-9223372036854775808":        {"FsyncWarnThreshold", time.Millisecond - 1, ""},
		"fsync.warningthresholdms=9999999999":                  {"FsyncWarnThreshold", 9999999999 * time.Millisecond, ""},
		"znode.container.maxNeverUsedIntervalMs=2592000000":    {"ContainerMaxNeverUsed", 30 * 24 * time.Hour, ""},
		"znode.container.maxNeverUsedIntervalMs=9223372036854": {"ContainerMaxNeverUsed", 9223372036854 * time.Millisecond, ""},
		"jute.maxbuffer=133169152":                             {"MaxBuffer", LargestMaxBuffer, ""},
		"jute.maxbuffer=133169153":                             {"MaxBuffer", LargestMaxBuffer, "counts as 133169152: what is larger does not fit into a record of the log"},
		"jute.maxbuffer=0x7fffffff":                            {"MaxBuffer", LargestMaxBuffer, "counts as 133169152: what is larger does not fit into a record of the log"},
		"minSessionTimeout=-1":                                 {"MinSessionTimeout", time.Duration(0), ""},
		"minSessionTimeout=0":                                  {"MinSessionTimeout", time.Duration(-1), ""},
		"minSessionTimeout=-2":                                 {"MinSessionTimeout", time.Duration(-1), ""},
		"maxSessionTimeout=-1":                                 {"MaxSessionTimeout", time.Duration(0), ""},
	} {
		cfg, warnings, problems := parse(good + line)
		require.Empty(t, problems, line)
		require.Equal(t, want.value, reflect.ValueOf(cfg).FieldByName(want.field).Interface(), line)
		if want.told == "" {
			require.Empty(t, warnings, line)
		} else {
			require.Contains(t, warnings, want.told, line)
		}
	}
	for line, want := range map[string]any{
		"connectToLearnerMasterLimit=-1": 5, "fastleader.minNotificationInterval=1": time.Millisecond, "fastleader.minNotificationInterval=9000": 9 * time.Second,
	} {
		cfg, _, problems := parse("dataDir=/d\nclientPort=2182\ninitLimit=5\nsyncLimit=2\nmyid=2\n" + two + line)
		require.Empty(t, problems, line)
		require.Contains(t, []any{cfg.ConnectLimit, cfg.NotifyMin}, want, line)
		require.LessOrEqual(t, cfg.NotifyMin, cfg.NotifyMax)
	}
}

// These end the original, or make it useless, or mean that nothing is right: they are still refused.
func TestNumbersThatHelpNobody(t *testing.T) {
	for _, line := range []string{
		"tickTime=0", "tickTime=-1", "maxSessionTimeout=0", "maxSessionTimeout=-2", "requestThrottleStallTime=0", "connectionMaxTokens=-1",
		"connectionTokenFillTime=0", "nio.sessionlessCnxnTimeout=0", "znode.container.maxPerMinute=0", "largeRequestMaxBytes=0",
		"jute.maxbuffer=100", "jute.maxbuffer=2147483648", "maxClientCnxns=2147483648", "fsync.warningthresholdms=9223372036855", "autopurge.purgeInterval=-1h",
		"znode.container.maxNeverUsedIntervalMs=-1", "clientPort=0",
	} {
		_, _, problems := parse("dataDir=/d\nclientPort=1\n" + line)
		require.Contains(t, problems, "zoo.cfg:3: ", line)
	}
}

func TestBoundsOfSessions(t *testing.T) {
	for lines, want := range map[string][2]time.Duration{
		"":                    {6 * time.Second, 60 * time.Second},
		"minSessionTimeout=0": {0, 60 * time.Second},
		"minSessionTimeout=-9\nmaxSessionTimeout=500": {0, 500 * time.Millisecond},
		"minSessionTimeout=-1\nmaxSessionTimeout=-1":  {6 * time.Second, 60 * time.Second},
	} {
		cfg, _, problems := parse("dataDir=/d\nclientPort=1\n" + lines)
		require.Empty(t, problems, lines)
		least, most := cfg.SessionTimeouts()
		require.Equal(t, want, [2]time.Duration{least, most}, lines)
	}
}

func TestWhatHasNoLimitIsToldToWhoAsks(t *testing.T) {
	cfg, _, problems := parse("dataDir=/d\nclientPort=1\nmaxClientCnxns=-1\nautopurge.purgeInterval=-1\n")
	require.Empty(t, problems)
	require.Contains(t, cfg.Security(), "neither maxClientCnxns nor maxCnxns limits the connections: one client can use them all up")
	require.Contains(t, cfg.Security(), "autopurge.purgeInterval is 0 or less: old snapshots and logs stay until the disk is full")
}

func TestFramesThatNoRecordHoldsAreRefusedInAProgramToo(t *testing.T) {
	cfg := Default()
	cfg.DataDir, cfg.MaxBuffer = "/d", math.MaxInt32
	require.ErrorContains(t, cfg.Validate(), "jute.maxbuffer: is 2147483647, and at most 133169152 bytes fit into a record of the log")
}
