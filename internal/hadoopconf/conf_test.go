package hadoopconf

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	p := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(p, []byte(text), 0o600))
	return p
}

func site(props ...string) string {
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\"?>\n<configuration>\n")
	for _, p := range props {
		name, value, _ := strings.Cut(p, "=")
		b.WriteString("<property><name>" + name + "</name><value>" + value + "</value></property>\n")
	}
	return b.String() + "</configuration>\n"
}

func env(kv ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, e := range kv {
			if k, v, _ := strings.Cut(e, "="); k == name {
				return v, true
			}
		}
		return "", false
	}
}

func TestLaterFilesAndSettingsWinAndEveryValueKnowsItsSource(t *testing.T) {
	dir := t.TempDir()
	core := write(t, dir, CoreSite, site("a=core", "b=core", "ha.zookeeper.session-timeout.ms=5000", "empty=x"))
	hdfs := write(t, dir, HDFSSite, "\xef\xbb\xbf<configuration>\r\n<property>\r\n<name> b </name>\r\n<value>hdfs</value>\r\n</property>"+
		"<property><name>empty</name><value></value></property><property name='c' value='attr' final='true'/></configuration>\r\n")
	extra := write(t, dir, "extra.xml", site("c=extra", "d=extra", "e=extra"))
	c, problems := Load(Options{Dir: dir, Files: []string{extra}, Set: []string{"d=set", "e=a=b", "fs.default.name=hdfs://x"}})
	require.Empty(t, problems)
	for _, w := range []struct {
		key, value string
		from       Source
	}{
		{"a", "core", Source{File: core, Line: 3}},
		{"b", "hdfs", Source{File: hdfs, Line: 4}},
		{"c", "attr", Source{File: hdfs, Line: 5}},
		{"d", "set", Source{File: "-D"}},
		{"e", "a=b", Source{File: "-D"}},
		{"empty", "x", Source{File: core, Line: 6}},
		{"fs.defaultFS", "hdfs://x", Source{File: "-D"}},
		{"fs.default.name", "hdfs://x", Source{File: "-D"}},
		{"ha.zookeeper.session-timeout.ms", "5000", Source{File: core, Line: 5}},
		{"dfs.ha.zkfc.port", "8019", Source{File: "hdfs-default.xml"}},
	} {
		v, ok := c.Lookup(w.key)
		require.True(t, ok, w.key)
		require.Equal(t, w.value, v.Raw, w.key)
		require.Equal(t, w.from, v.From, w.key)
	}
	require.Len(t, c.Notes(), 1)
	require.Contains(t, c.Notes()[0].String(), "extra.xml:3: c: has no effect: the value of "+hdfs+":5 is final")
	_, ok := c.Lookup("nothing")
	require.False(t, ok)
}

func TestSettingsWinOverFinal(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, CoreSite, "<configuration><property><name>a</name><value>1</value><final>true</final></property></configuration>")
	write(t, dir, HDFSSite, site("a=2"))
	c, problems := Load(Options{Dir: dir})
	require.Empty(t, problems)
	require.Equal(t, "1", get(t, c, "a"))
	c, _ = Load(Options{Dir: dir, Set: []string{"a=3"}})
	require.Equal(t, "3", get(t, c, "a"))
}

func get(t *testing.T, c *Conf, key string) string {
	t.Helper()
	s, err := c.Get(key)
	require.NoError(t, err)
	return s
}

func TestVariables(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, CoreSite, site("host=h1", "a=${host}:1", "b=<![CDATA[x${a}y${host}]]>", "unbound=${nothing}/${host}", "self=x${self}",
		"env=${env.SET}", "or=${env.UNSET-d1}", "orEmpty=${env.EMPTY:-d2}", "empty=[${env.EMPTY-d3}]", "noenv=${env.UNSET}", "nested=${h${o}st}", "o=o",
		"blank=${a b}", "broken=${host", "p=${q}", "q=${p}", "twice=${${env.SET}}", "value=yes", "dollar=$${host}", "close=}${host}"))
	c, problems := Load(Options{Dir: dir, Getenv: env("SET=value", "EMPTY=")})
	require.Empty(t, problems)
	for key, want := range map[string]string{
		"a": "h1:1", "b": "xh1:1yh1", "unbound": "${nothing}/${host}", "self": "x${self}",
		"env": "value", "or": "d1", "orEmpty": "d2", "empty": "[]", "noenv": "${env.UNSET}", "nested": "h1",
		"blank": "${a b}", "broken": "${host", "twice": "yes", "dollar": "$h1", "close": "}h1",
	} {
		require.Equal(t, want, get(t, c, key), key)
	}
	_, err := c.Get("p")
	require.ErrorContains(t, err, "more than 20 variables are replaced")
}

func TestIncludes(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	write(t, dir, "sub/one.xml", `<configuration><property><name>one</name><value>1</value></property><include href="two.xml"/></configuration>`)
	write(t, dir, "sub/two.xml", site("two=beside the file that includes it"))
	write(t, dir, "two.xml", site("two=2"))
	write(t, dir, CoreSite, `<configuration xmlns:xi="http://www.w3.org/2001/XInclude">
<xi:include href="sub/one.xml"><xi:fallback><property><name>one</name><value>not this</value></property></xi:fallback></xi:include>
<xi:include href="none.xml"><xi:fallback><property><name>three</name><value>3</value></property></xi:fallback></xi:include>
<xi:include href="none.xml">
  <xi:fallback/>
</xi:include>
</configuration>`)
	c, problems := Load(Options{Dir: dir})
	require.Empty(t, problems)
	require.Equal(t, "1", get(t, c, "one"))
	require.Equal(t, "2", get(t, c, "two"))
	require.Equal(t, "3", get(t, c, "three"))
	v, _ := c.Lookup("two")
	require.Equal(t, filepath.Join(dir, "two.xml")+":3", v.From.String())

	other := t.TempDir()
	write(t, other, "three.xml", site("three=beside the file that was named"))
	extra := write(t, other, "extra.xml", `<configuration><include href="two.xml"/><include href="three.xml"/><include href="file:`+other+`/a%20b.xml"/></configuration>`)
	write(t, other, "a b.xml", site("four=4"))
	c, problems = Load(Options{Dir: dir, Files: []string{extra}})
	require.Empty(t, problems)
	require.Equal(t, []string{"beside the file that was named", "4"}, []string{get(t, c, "three"), get(t, c, "four")})
}

func told(problems []Problem) []string {
	var got []string
	for _, p := range problems {
		got = append(got, p.String())
	}
	return got
}

func TestEverythingWrongIsToldAtOnceWithItsPlace(t *testing.T) {
	dir := t.TempDir()
	core := write(t, dir, CoreSite, `<configuration>
stray
<property><value>x</value></property>
<propertie><name>a</name><property><name>in</name><value>1</value></property></propertie>
<property><name>b</name><value>a <b>c</b></value><description>a <i>text</i></description></property>
<include href="none.xml"/>
<include/>
<include href="core-site.xml"/>
<include href="http://x/y.xml"/>
</configuration>
`)
	hdfs := write(t, dir, HDFSSite, "<configuration>\n<property>\n<name>a</name><value>1 & 2</value></property></configuration>")
	_, missing := os.Stat(filepath.Join(dir, "no.xml"))
	require.Error(t, missing)
	c, problems := Load(Options{Dir: dir, Files: []string{filepath.Join(dir, "no.xml")}, Set: []string{"oops"}})
	require.Equal(t, []string{
		core + `:6: the included file "none.xml" is not there, and there is no <fallback>; make it, or correct href: it is looked for in ` + dir,
		core + `:8: "core-site.xml" is included by itself; remove one of the includes`,
		core + `:9: the included "http://x/y.xml" is not a file; only files can be included`,
		hdfs + `:3:25: not valid XML: invalid character entity & (no semicolon); mend the line, or the element before it`,
		filepath.Join(dir, "no.xml") + `: cannot read the file after -conf: ` + errors.Unwrap(missing).Error() + `; name a readable file`,
		`-D oops: not a setting; write -D key=value`,
	}, told(problems))
	for i, p := range problems {
		require.Equal(t, i < 5, p.Fatal, p.Text)
	}
	require.Equal(t, []string{
		core + `:3: "stray" stands outside of a <property>; remove it`,
		core + `:3: a <property> without <name>; name it, or remove it`,
		core + `:4: unknown element <propertie>; here stand <property> and <include>`,
		core + `:4: unknown element <name>; here stand <property> and <include>`,
		core + `:5: <b> within <value> is left out, but not its text; write < as &lt; and & as &amp; in a value`,
		core + `:7: <include> without href; name the file to include`,
	}, told(c.Notes()), "what the original passes over")
	require.Equal(t, []string{"a c", "1"}, []string{get(t, c, "b"), get(t, c, "in")})
}

func TestDefaultsOfHDFSComeAfterCoreSite(t *testing.T) {
	dir := t.TempDir()
	core := write(t, dir, CoreSite, site("dfs.ha.zkfc.port=7001", "ha.health-monitor.check-interval.ms=7"))
	c, problems := Load(Options{Dir: dir})
	require.Empty(t, problems)
	require.Equal(t, []string{"8019", "7"}, []string{get(t, c, "dfs.ha.zkfc.port"), get(t, c, "ha.health-monitor.check-interval.ms")})
	require.Equal(t, []string{core + ":3: dfs.ha.zkfc.port: has no effect: hdfs-default.xml comes after core-site.xml; set it in hdfs-site.xml"}, told(c.Notes()))
}

func TestBrokenFiles(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "core-site.xml:1: the file is empty",
		"hello":                            "core-site.xml:1: the file is empty",
		"<configuration>":                  "not valid XML: unexpected EOF",
		"<configuration><property>":        "not valid XML: unexpected EOF",
		"<configuration/><configuration/>": "a second element begins after </configuration>",
		"<configuration>\n</wrong>":        "core-site.xml:2:9: not valid XML: element <configuration> closed by </wrong>",
		"\xff\xfe<\x00":                    "the file is UTF-16; save it as UTF-8",
		"<?xml version='1.0' encoding='KOI8-R'?><configuration/>":                                            `encoding "KOI8-R" is not supported: save the file as UTF-8`,
		"<configuration><property><name>a</name><value>&e;</value></property></configuration>":               "invalid character entity &e;",
		"<!DOCTYPE x [<!ENTITY e SYSTEM 'f'>]><configuration/>":                                              "entity &e; is another file: include it by <xi:include href=…> instead",
		"<!DOCTYPE x [<!ENTITY % e 'f'>]><configuration/>":                                                   "parameter entity %e: only entities that stand for a text are read",
		"<!DOCTYPE x [<!ENTITY e '<a/>'>]><configuration/>":                                                  "entity &e; holds elements",
		"<!DOCTYPE x [<!ENTITY e '&f;'>]><configuration/>":                                                   "entity &e; refers to &f;, which is not defined before it",
		"<!DOCTYPE x [<!ENTITY a '" + strings.Repeat("x", 3000) + "'><!ENTITY b '&a;&a;'>]><configuration/>": "entity &b; stands for more than 4096 bytes",
	} {
		dir := t.TempDir()
		write(t, dir, CoreSite, text)
		_, problems := Load(Options{Dir: dir})
		require.NotEmpty(t, problems, text)
		require.Contains(t, problems[0].String(), want, text)
		require.True(t, problems[0].Fatal)
	}
	_, problems := Load(Options{Dir: t.TempDir()})
	require.Contains(t, problems[0].String(), "neither core-site.xml nor hdfs-site.xml is there; name Hadoop's configuration directory")
}

func TestEntitiesOfADoctype(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, CoreSite, `<!DOCTYPE configuration [ <!-- c --> <!ENTITY host "h1"> <!ENTITY both '&host;:80&#50;0 &lt;&amp;'> <!ENTITY host "h2">]>`+
		`<configuration><property><name>a</name><value>&both;</value></property></configuration>`)
	c, problems := Load(Options{Dir: dir})
	require.Empty(t, problems)
	require.Equal(t, "h1:8020 <&", get(t, c, "a"))
}

func TestLatin1(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, CoreSite, "<?xml version='1.0' encoding='ISO-8859-1'?><configuration><property><name>a</name><value>\xe4</value></property></configuration>")
	c, problems := Load(Options{Dir: dir})
	require.Empty(t, problems)
	require.Equal(t, "ä", get(t, c, "a"))
}

func TestTypedValues(t *testing.T) {
	c, problems := Load(Options{Set: []string{
		"list= a, b,,a \n c ", "yes= TRUE ", "no=False", "maybe=yes", "n= 17 ", "hex=0x1F", "neg=-0x10", "word=ten", "big=3000000000", "none=", "max=2147483647",
	}})
	require.Empty(t, problems)
	list, err := c.Strings("list")
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c"}, list)
	for _, w := range []struct {
		key               string
		def, value, known bool
	}{{"yes", false, true, true}, {"no", true, false, true}, {"maybe", true, true, false}, {"unset", true, true, true}, {"none", false, false, true}} {
		value, known, err := c.Bool(w.key, w.def)
		require.NoError(t, err)
		require.Equal(t, w.value, value, w.key)
		require.Equal(t, w.known, known, w.key)
	}
	for key, want := range map[string]int{"n": 17, "hex": 31, "neg": -16, "unset": 5, "max": 1<<31 - 1} {
		n, err := c.Int(key, 5)
		require.NoError(t, err, key)
		require.Equal(t, want, n, key)
	}
	for _, key := range []string{"word", "big", "none", "yes"} {
		_, err := c.Int(key, 5)
		require.ErrorContains(t, err, "is not a whole number", key)
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"10": 10 * time.Second, "10ns": 10, "1us": time.Microsecond, " 20ms ": 20 * time.Millisecond, "5S": 5 * time.Second, "-1m": -time.Minute, "3h": 3 * time.Hour, "2d": 48 * time.Hour,
	} {
		d, err := ParseDuration(text, time.Second)
		require.NoError(t, err, text)
		require.Equal(t, want, d, text)
	}
	for _, text := range []string{"", "s", "1x", "1m30s", "1.5s", "20 ms", "9223372036854775807d", "-9223372036854775808s"} {
		_, err := ParseDuration(text, time.Second)
		require.Error(t, err, text)
	}
}

func TestTheMostSpecialKeyWins(t *testing.T) {
	c, _ := Load(Options{Set: []string{"k=general", "k.ns=service", "k.ns.n1=node", "k.ns.n2=  "}})
	require.Equal(t, "node", c.Suffixed("k", "ns", "n1").Raw)
	require.Equal(t, "service", c.Suffixed("k", "ns", "n2").Raw)
	require.Equal(t, "service", c.Suffixed("k", "ns", "").Raw)
	require.Equal(t, "general", c.Suffixed("k", "other", "n1").Raw)
	require.Equal(t, "general", c.Suffixed("k", "", "").Raw)
	require.Zero(t, c.Suffixed("none", "ns", "n1"))
}

func FuzzLoad(f *testing.F) {
	f.Add(site("a=${b}", "b=${env.X:-y}"), "a=1")
	f.Add(`<configuration><include href="core-site.xml"><fallback><property name="a" value="1" final="true"/></fallback></include></configuration>`, "fs.default.name=x")
	f.Add("<configuration><property><name>a</name><value>${${a}}}</value></property>", "=")
	f.Add("<!DOCTYPE x [<!ENTITY e 'v&#65;'><!ENTITY f '&e;&e;'>]><configuration><property name='a' value='&f;'/></configuration>", "a=1")
	f.Add("<?xml version='1.0' encoding='latin1'?><configuration>\xff", "a=${a}")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text, set string) {
		c, _ := Load(Options{Set: []string{set}, Getenv: env("X=${a}")})
		(&reader{c: c, path: filepath.Join(dir, CoreSite), bases: []string{dir}}).read([]byte(text))
		for _, p := range append(c.problems, c.notes...) {
			require.NotEmpty(t, p.Text)
			require.NotEmpty(t, p.From.File)
		}
		for _, k := range c.Names() {
			_, _ = c.Get(k)
			_, _ = c.Strings(k)
			_, _ = c.Int(k, 0)
			_, _, _ = c.Bool(k, false)
			v, _ := c.Lookup(k)
			_, _ = ParseDuration(v.Raw, time.Second)
		}
	})
}
