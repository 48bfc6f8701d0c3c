package config

import (
	"reflect"
	"slices"
)

// Reload answers the configuration of a running server after its file was read again: c with the hot settings of next. It
// names the settings that changed, and those that are different in next but take effect only at the next start.
func (c *Config) Reload(next *Config) (merged Config, changed, waiting []string) {
	merged = *c
	take := func(name string, to, from any) {
		a, b := reflect.ValueOf(to).Elem(), reflect.ValueOf(from).Elem()
		if !reflect.DeepEqual(a.Interface(), b.Interface()) {
			a.Set(b)
			changed = append(changed, name)
		}
	}
	take("minSessionTimeout", &merged.MinSessionTimeout, &next.MinSessionTimeout)
	take("maxSessionTimeout", &merged.MaxSessionTimeout, &next.MaxSessionTimeout)
	take("maxClientCnxns", &merged.MaxClientCnxns, &next.MaxClientCnxns)
	take("maxCnxns", &merged.MaxCnxns, &next.MaxCnxns)
	take("autopurge.snapRetainCount", &merged.SnapRetainCount, &next.SnapRetainCount)
	take("autopurge.purgeInterval", &merged.PurgeInterval, &next.PurgeInterval)
	take("globalOutstandingLimit", &merged.GlobalOutstandingLimit, &next.GlobalOutstandingLimit)
	take("jute.maxbuffer", &merged.MaxBuffer, &next.MaxBuffer)
	take("snapCount", &merged.SnapCount, &next.SnapCount)
	take("snapSizeLimitInKb", &merged.SnapSizeLimit, &next.SnapSizeLimit)
	take("largeRequestMaxBytes", &merged.LargeRequestMaxBytes, &next.LargeRequestMaxBytes)
	take("requestThrottleLimit", &merged.ThrottleLimit, &next.ThrottleLimit)
	take("requestThrottleStallTime", &merged.ThrottleStall, &next.ThrottleStall)
	take("requestThrottleDropStale", &merged.DropStale, &next.DropStale)
	take("requestStaleLatencyCheck", &merged.StaleLatencyCheck, &next.StaleLatencyCheck)
	take("requestStaleConnectionCheck", &merged.StaleConnectionCheck, &next.StaleConnectionCheck)
	take("throttledOpWaitTime", &merged.ThrottledOpWait, &next.ThrottledOpWait)
	take("connectionMaxTokens and its like", &merged.Tokens, &next.Tokens)
	take("4lw.commands.whitelist", &merged.Commands, &next.Commands)
	take("admin.snapshot.enabled", &merged.AdminSnapshot, &next.AdminSnapshot)
	take("admin.restore.enabled", &merged.AdminRestore, &next.AdminRestore)
	take("admin.rateLimiterIntervalInMS", &merged.AdminRateLimit, &next.AdminRateLimit)
	take("holdfast.logLevel", &merged.LogLevel, &next.LogLevel)
	take("holdfast.diskAlarmMB", &merged.DiskAlarm, &next.DiskAlarm)
	return merged, changed, cold(&merged, next)
}

// cold are the fields that still differ: the settings that a reload does not touch.
func cold(merged, next *Config) []string {
	var out []string
	var compare func(a, b reflect.Value)
	compare = func(a, b reflect.Value) {
		for i := range a.NumField() {
			field := a.Type().Field(i)
			switch {
			case merged.ReconfigEnabled && (field.Name == "Members" || field.Name == "DynamicFile" || field.Name == "LastSeen"):
				// the running ensemble changes these, and zoo.cfg with them
			case field.Anonymous:
				compare(a.Field(i), b.Field(i))
			case field.Name != "Source" && !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()):
				out = append(out, field.Name)
			}
		}
	}
	compare(reflect.ValueOf(*merged), reflect.ValueOf(*next))
	slices.Sort(out)
	return out
}
