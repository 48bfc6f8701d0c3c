// Package release says which release this is, in the form in which the original says it.
package release

import "runtime/debug"

// Compatible is the release of the original whose protocols and behaviour the programs have.
const Compatible = "3.9.5"

// Version is how the programs introduce themselves: release-revision, built on date. The release is that of the original, by which
// scripts decide what they may ask for; the revision is ours.
func Version() string {
	info, _ := debug.ReadBuildInfo()
	return versionOf(info)
}

func versionOf(info *debug.BuildInfo) string {
	revision, date := "holdfast", "an unknown day"
	if info != nil {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				revision = "holdfast." + s.Value[:min(12, len(s.Value))]
			case "vcs.time":
				date = s.Value
			}
		}
	}
	return Compatible + "-" + revision + ", built on " + date
}
