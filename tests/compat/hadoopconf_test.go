//go:build compat

package compat

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/haconfig"
	"github.com/holdfast-ha/holdfast/internal/hadoopconf"
)

// tricky are directories of files, and what is named after -conf, that are read equally by the original and by us.
var tricky = []struct {
	name  string
	files map[string]string
	extra []string
}{
	{"the usual two", map[string]string{
		"core-site.xml": `<?xml version="1.0"?>
<?xml-stylesheet type="text/xsl" href="configuration.xsl"?>
<!-- a comment -->
<configuration>
  <property><name>ha.zookeeper.quorum</name><value>zk1:2181,zk2:2181</value><description>which</description></property>
  <property><name>dfs.ha.zkfc.port</name><value>7001</value></property>
  <property><name>dfs.custom</name><value>core</value></property>
  <property><name>ha.zookeeper.session-timeout.ms</name><value>4000</value></property>
</configuration>`,
		"hdfs-site.xml": `<configuration>
  <property><name>dfs.nameservices</name><value>ns1</value></property>
  <property><name>ha.zookeeper.session-timeout.ms</name><value>5000</value></property>
  <property><name>dfs.custom</name><value>hdfs</value></property>
</configuration>`,
	}, nil},
	{"final", map[string]string{
		"core-site.xml": `<configuration>
  <property><name>a</name><value>1</value><final>true</final></property>
  <property><name>a</name><value>again</value></property>
  <property><name>b</name><value>1</value><final> true </final></property>
  <property><name>c</name><value>1</value><final>TRUE</final></property>
  <property name="d" value="1" final="true"/>
  <property><name>e</name><final>true</final></property>
  <property><name>dfs.ha.zkfc.port</name><value>7001</value><final>true</final></property>
  <property><name>f</name><value></value><final>true</final></property>
  <property><name>g</name><value>1</value></property>
  <property><name>g</name><final>true</final></property>
</configuration>`,
		"hdfs-site.xml": `<configuration>
  <property><name>a</name><value>2</value></property><property><name>b</name><value>2</value></property>
  <property><name>c</name><value>2</value></property><property><name>d</name><value>2</value></property>
  <property><name>e</name><value>2</value></property><property><name>dfs.ha.zkfc.port</name><value>7002</value></property>
  <property><name>f</name><value>2</value></property><property><name>g</name><value>2</value></property>
</configuration>`,
		"x.xml": `<configuration><property><name>a</name><value>3</value></property><property><name>h</name><value>3</value></property></configuration>`,
		"y.xml": `<configuration><property><name>h</name><value>4</value></property></configuration>`,
	}, []string{"x.xml", "y.xml"}},
	{"odd forms", map[string]string{
		"core-site.xml": `<configuration>
  <property><value>before</value><name> spaced </name></property>
  <property><name>blanks</name><value>  x  </value></property>
  <property><name>lines</name><value>
    one
    two
  </value></property>
  <property><name>cdata</name><value><![CDATA[a < b && c]]> d</value></property>
  <property><name>entity</name><value>&lt;&amp;&#65;&#x42;&quot;</value></property>
  <property><name>comment</name><value>a<!-- not this -->b</value></property>
  <property><name>empty</name><value></value></property>
  <property><name>blank</name><value> </value></property>
  <property><name>none</name></property>
  <property><name>short</name><value/></property>
  <property name="attr" value=" v "/>
  <property name="attrEmpty" value=""/>
  <property name="both" value="attr"><value>element</value></property>
  <property><name>twice</name><value>1</value><value>2</value></property>
  <property><name>more</name><value>1</value><source>me</source><tag>T</tag><unknown>u</unknown></property>
  <configuration><property><name>nested</name><value>in</value></property></configuration>
  <property><name>last</name><value>1</value></property>
  <property><name>last</name><value>2</value></property>
  <property><name>UPPER</name><value>Ä ß 漢 😀</value></property>
</configuration>`,
	}, nil},
	{"what does not belong there", map[string]string{
		"core-site.xml": `<config>
  stray <property><name>a</name><value>1</value></property>
  <section><property><name>b</name><value>2</value></property></section>
  <propertie><name>c</name><value>3</value></propertie>
  <property><value>4</value></property>
  <property><name></name><value>4</value></property>
  <property><name>d</name><value>x <b>y</b> z</value><description>of <b>a</b> &amp; <i>b</i></description></property>
  <property name="e" value="1"><value></value></property>
  <property><name>f</name><value>1</value><value></value></property>
  <name>g</name><value>5</value>
</config>
<!-- the end -->
`,
	}, nil},
	{"two elements at the top", map[string]string{"core-site.xml": "<configuration/><configuration/>"}, nil},
	{"a DOCTYPE with entities", map[string]string{
		"core-site.xml": `<?xml version="1.0"?>
<!DOCTYPE configuration [
  <!ENTITY host "h1.example.com">
  <!ENTITY both "&host;:8020">
  <!-- of a comment -->
]>
<configuration><property><name>a</name><value>x&host;y</value></property><property><name>b</name><value>&both;</value></property></configuration>`,
	}, nil},
	{"includes", map[string]string{
		"core-site.xml": `<configuration xmlns:xi="http://www.w3.org/2001/XInclude">
  <property><name>a</name><value>before</value></property>
  <xi:include href="sub/one.xml"/>
  <xi:include href="none.xml"><xi:fallback/></xi:include>
  <xi:include href="none.xml"><xi:fallback><property><name>fell</name><value>back</value></property></xi:fallback></xi:include>
  <xi:include href="sub/two.xml"><xi:fallback><property><name>two</name><value>not this</value></property></xi:fallback></xi:include>
  <include href="file:DIR/sub/three.xml"/>
  <include href="file://DIR/sub/four.xml"/>
  <include href="DIR/sub/five.xml"></include>
  <include/>
  <property><name>b</name><value>after</value></property>
</configuration>`,
		"sub/one.xml":   `<configuration><property><name>a</name><value>one</value></property><property><name>b</name><value>one</value></property><include href="six.xml"/></configuration>`,
		"sub/two.xml":   `<configuration><property><name>two</name><value>2</value><final>true</final></property></configuration>`,
		"sub/three.xml": `<configuration><property><name>three</name><value>3</value></property></configuration>`,
		"sub/four.xml":  `<configuration><property><name>four</name><value>4</value></property></configuration>`,
		"sub/five.xml":  `<configuration><property><name>five</name><value>5</value></property></configuration>`,
		"six.xml":       `<configuration><property><name>six</name><value>6 of the directory above</value></property></configuration>`,
		"sub/six.xml":   `<configuration><property><name>six</name><value>6</value></property></configuration>`,
	}, nil},
	{"old names", map[string]string{
		"core-site.xml": `<configuration>
  <property><name>fs.default.name</name><value>hdfs://old</value></property>
  <property><name>dfs.federation.nameservices</name><value>ns9</value></property>
  <property><name>dfs.federation.nameservice.id</name><value>ns9</value></property>
  <property><name>dfs.http.address</name><value>h:1</value></property>
</configuration>`,
		"hdfs-site.xml": `<configuration><property><name>fs.defaultFS</name><value>hdfs://new</value></property></configuration>`,
	}, nil},
	{"variables", map[string]string{
		"core-site.xml": `<configuration>
  <property><name>host</name><value>h1</value></property>
  <property><name>v.plain</name><value>${host}:1</value></property>
  <property><name>v.two</name><value>${v.plain}/${host}/${v.plain}</value></property>
  <property><name>v.unbound</name><value>${nothing}/${host}</value></property>
  <property><name>v.behind</name><value>${host}/${nothing}/${host}</value></property>
  <property><name>v.self</name><value>x${v.self}</value></property>
  <property><name>v.round</name><value>${v.other}</value></property>
  <property><name>v.other</name><value>${v.round}</value></property>
  <property><name>v.env</name><value>${env.JUDGE_SET}</value></property>
  <property><name>v.noenv</name><value>${env.JUDGE_UNSET}</value></property>
  <property><name>v.or</name><value>${env.JUDGE_UNSET-d1}</value></property>
  <property><name>v.orSet</name><value>${env.JUDGE_SET-d1}</value></property>
  <property><name>v.orEmpty</name><value>[${env.JUDGE_EMPTY-d1}]</value></property>
  <property><name>v.orEmptyColon</name><value>[${env.JUDGE_EMPTY:-d1}]</value></property>
  <property><name>v.colon</name><value>[${env.JUDGE_UNSET:-d-e:-f}]</value></property>
  <property><name>v.colonAlone</name><value>[${env.JUDGE_UNSET:}]</value></property>
  <property><name>v.colonLater</name><value>[${env.JUDGE_UN:SET-x}]</value></property>
  <property><name>v.minusFirst</name><value>[${env.JUDGE_UNSET-a:-b}]</value></property>
  <property><name>v.emptyDefault</name><value>[${env.JUDGE_UNSET:-}][${env.JUDGE_UNSET-}]</value></property>
  <property><name>v.envAlone</name><value>${env.}</value></property>
  <property><name>v.defaultVar</name><value>${env.JUDGE_UNSET:-${host}}</value></property>
  <property><name>env.JUDGE_UNSET</name><value>a property</value></property>
  <property><name>o</name><value>o</value></property>
  <property><name>v.nested</name><value>${h${o}st}</value></property>
  <property><name>v.blank</name><value>${a b}${host}</value></property>
  <property><name>v.broken</name><value>${host</value></property>
  <property><name>v.dollars</name><value>$${host} $$ {host} $host ${} ${host}}</value></property>
  <property><name>v.close</name><value>}${host}{${host}}</value></property>
  <property><name>v.empty</name><value>a${empty}b</value></property>
  <property><name>empty</name><value></value></property>
  <property><name>v.old</name><value>${fs.default.name}</value></property>
  <property><name>fs.defaultFS</name><value>hdfs://ns1</value></property>
  <property><name>v.user</name><value>${user.name}</value></property>
  <property><name>v.home</name><value>${user.home}</value></property>
  <property><name>v.tmp</name><value>${java.io.tmpdir}</value></property>
  <property><name>v.many</name><value>${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}</value></property>
  <property><name>v.nineteen</name><value>${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}${host}</value></property>
</configuration>`,
	}, nil},
	{"kinds of values", map[string]string{
		"core-site.xml": `<configuration>
  <property><name>list.a</name><value> a, b,,a
 c ,	d</value></property>
  <property><name>list.b</name><value>,</value></property>
  <property><name>list.c</name><value>a b</value></property>
  <property><name>int.a</name><value> 17 </value></property>
  <property><name>int.b</name><value>0x1F</value></property>
  <property><name>int.c</name><value>-0x10</value></property>
  <property><name>int.d</name><value>ten</value></property>
  <property><name>int.e</name><value>3000000000</value></property>
  <property><name>int.f</name><value>+5</value></property>
  <property><name>int.g</name><value>010</value></property>
  <property><name>int.h</name><value>10s</value></property>
  <property><name>int.i</name><value>0XfF</value></property>
  <property><name>int.j</name><value> </value></property>
  <property><name>bool.a</name><value> TRUE </value></property>
  <property><name>bool.b</name><value>False</value></property>
  <property><name>bool.c</name><value>yes</value></property>
  <property><name>bool.d</name><value> </value></property>
  <property><name>time.a</name><value>10</value></property>
  <property><name>time.b</name><value>10s</value></property>
  <property><name>time.c</name><value>2M</value></property>
  <property><name>time.d</name><value> 3 h </value></property>
  <property><name>time.g</name><value> 3h </value></property>
  <property><name>time.e</name><value>1500us</value></property>
  <property><name>time.f</name><value>1m30s</value></property>
</configuration>`,
	}, nil},
	{"not XML", map[string]string{"core-site.xml": "<configuration>\n<property><name>a</name><value>1 & 2</value></property></configuration>"}, nil},
	{"cut off", map[string]string{"core-site.xml": "<configuration><property><name>a</name>"}, nil},
	{"an include that is not there", map[string]string{"core-site.xml": `<configuration><include href="none.xml"/></configuration>`}, nil},
	{"an include of itself", map[string]string{"core-site.xml": `<configuration><include href="core-site.xml"/></configuration>`}, nil},
	{"empty file", map[string]string{"core-site.xml": ""}, nil},
	{"encodings", map[string]string{
		"core-site.xml": "<?xml version='1.0' encoding='ISO-8859-1'?><configuration><property><name>a</name><value>\xe4</value></property></configuration>",
		"hdfs-site.xml": "\xef\xbb\xbf<configuration><property><name>b</name><value>ä</value></property></configuration>",
	}, nil},
}

// TestFilesAreReadAsTheOriginalReadsThem compares every value of the files, its variables replaced.
func TestFilesAreReadAsTheOriginalReadsThem(t *testing.T) {
	t.Setenv("JUDGE_SET", "host")
	t.Setenv("JUDGE_EMPTY", "")
	j := newJudge(t)
	for _, c := range tricky {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range c.files {
				path := filepath.Join(dir, name)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
				require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600))
			}
			question := []string{"conf", dir}
			var extra []string
			for _, e := range c.extra {
				extra = append(extra, filepath.Join(dir, e))
			}
			theirs := j.ask(append(question, extra...)...)
			ours, problems := hadoopconf.Load(hadoopconf.Options{Dir: dir, Files: extra})
			if e, failed := theirs["exception"]; failed {
				require.NotEmpty(t, problems, "the original: %s", e)
				t.Logf("original: %s\nours:     %s", e, problems[0])
				return
			}
			for _, key := range ours.Names() {
				if _, there := theirs[key]; !there && theirs["exception "+key] == "" {
					v, _ := ours.Lookup(key)
					t.Errorf("%s is %q here and not set there", key, v.Raw)
				}
			}
			for key, want := range theirs {
				compare(t, ours, key, want)
			}
		})
	}
}

func compare(t *testing.T, ours *hadoopconf.Conf, key, want string) {
	t.Helper()
	kind, name, typed := strings.Cut(key, " ")
	if !typed {
		v, known := ours.Lookup(key)
		got, err := ours.Get(key)
		if !known || err != nil || got != want {
			if known || !defaultOfTheirs(key) {
				t.Errorf("%s is %q there, here %t %q (%s) %v", key, want, known, got, v.From, err)
			}
		}
		return
	}
	var got string
	var err error
	var n int
	var yes, no bool
	var l []string
	text, _ := ours.Get(name)
	switch {
	case strings.HasPrefix(name, "list"):
		l, err = ours.Strings(name)
		got = strings.Join(l, "|")
	case strings.HasPrefix(name, "int"):
		n, err = ours.Int(name, -5)
		got = strconv.Itoa(n)
	case strings.HasPrefix(name, "bool"):
		no, _, err = ours.Bool(name, false)
		yes, _, _ = ours.Bool(name, true)
		got = strconv.FormatBool(no) + strconv.FormatBool(yes)
	case strings.HasPrefix(name, "time"):
		var d time.Duration
		d, err = hadoopconf.ParseDuration(text, time.Millisecond)
		got = strconv.FormatInt(d.Milliseconds(), 10)
	default:
		_, err = ours.Get(name)
	}
	if kind == "exception" {
		require.Error(t, err, "%s: %s there, here %q", name, want, got)
		return
	}
	require.NoError(t, err, name)
	require.Equal(t, want, got, name)
}

// defaultOfTheirs tells whether key is one of the many defaults that nothing here uses: those are not in our table.
func defaultOfTheirs(key string) bool {
	for _, k := range haconfig.HadoopKeys() {
		if k.Name == key {
			return false
		}
	}
	for _, p := range []string{"ha.", "dfs.ha.", "v.", "list.", "int.", "bool.", "time.", "dfs.custom"} {
		if strings.HasPrefix(key, p) {
			return false
		}
	}
	return strings.Contains(key, ".")
}
