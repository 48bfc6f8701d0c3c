package jvmflags

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWords(t *testing.T) {
	for text, want := range map[string][]string{
		"":                              nil,
		"  \t ":                         nil,
		"-Xmx1000m -Da=b":               {"-Xmx1000m", "-Da=b"},
		`-Da="b c" '-Dd="e' f\ g`:       {"-Da=b c", `-Dd="e`, "f g"},
		`-Da="never closed`:             {"-Da=never closed"},
		`'' ""`:                         {"", ""},
		`"a\"b" 'a\b' \`:                {`a"b`, `a\b`, `\`},
		"-cp /a:/b -Dx=1 --add-opens q": {"-cp", "/a:/b", "-Dx=1", "--add-opens", "q"},
	} {
		require.Equal(t, want, Words(text), text)
	}
}

func TestProperties(t *testing.T) {
	properties, others := Properties("-Xmx1g -cp /a:/b -Da=b=c -Dempty -D")
	require.Equal(t, []Property{{"a", "b=c"}, {"empty", ""}}, properties)
	require.Equal(t, []string{"-Xmx1g", "-cp", "-D"}, others)
}
