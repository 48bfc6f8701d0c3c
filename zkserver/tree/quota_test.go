package tree

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The texts are what StatsTrackTest.java of the original expects, and what its command line client writes.
func TestStatsTrackTexts(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "count=-1,bytes=-1",
		"count=4,bytes=5":          "count=4,bytes=5",
		"bytes=5,count=4":          "count=4,bytes=5",
		"count=4,bytes=5=;":        "count=4,bytes=5",
		"count=4,bytes=5=;key=6":   "count=4,bytes=5=;key=6",
		"count=4,bytes=5=;z=1;a=2": "count=4,bytes=5=;a=2;z=1",
		"count=-1,bytes=-1=;byteHardLimit=7;countHardLimit=8": "count=-1,bytes=-1=;byteHardLimit=7;countHardLimit=8",
		"countHardLimit=8;byteHardLimit=":                     "count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=8",
		"count=many,bytes":                                    "count=-1,bytes=-1",
	} {
		s := ParseStatsTrack([]byte(text))
		require.Equal(t, want, s.String(), text)
	}
}

func FuzzStatsTrack(f *testing.F) {
	f.Add([]byte("count=4,bytes=5=;byteHardLimit=7"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := ParseStatsTrack(b)
		again := ParseStatsTrack(s.AppendTo(nil))
		require.Equal(t, s.Count, again.Count)
		require.Equal(t, s.Bytes, again.Bytes)
		require.Equal(t, s.ByteHardLimit, again.ByteHardLimit)
		require.Equal(t, s.CountHardLimit, again.CountHardLimit)
	})
}
