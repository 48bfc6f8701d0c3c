package zktool

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// javaDate is the layout of java.util.Date.toString.
const javaDate = "Mon Jan 02 15:04:05 MST 2006"

// snapshotDump prints a snapshot as SnapshotFormatter does.
func snapshotDump(t *tool, c *command, args []string) error {
	fl := flags(c)
	data, asJSON := fl.Bool("d", false, ""), fl.Bool("json", false, "")
	files, err := parse(fl, args, 1, 1)
	if err != nil {
		return err
	}
	if *data && *asJSON {
		return usagef("Cannot specify both data dump (-d) and json mode (-json) in same call")
	}
	tree, err := t.readTree(files[0])
	if err != nil {
		return err
	}
	if *asJSON {
		t.printf(`[1,0,{"progname":"SnapshotFormatter.java","progver":"0.01","timestamp":%d}`, time.Now().UnixMilli())
		inode := 1000
		if err := t.nodeJSON(tree.nodes[""], &inode); err != nil {
			return err
		}
		t.printf("]")
		return nil
	}
	t.printf("ZNode Details (count=%d):\n", len(tree.nodes)+1) // the original has the root twice
	last := t.nodeText(tree.nodes[""], *data)
	t.printf("----\nSession Details (sid, timeout, ephemeralCount):\n")
	for _, id := range slices.Sorted(maps.Keys(tree.info.Sessions)) {
		t.printf("%s, %d, %d\n", hex16(int64(id)), tree.info.Sessions[id], tree.ephemerals[int64(id)])
	}
	t.printf("----\nLast zxid: 0x%x\n", uint64(max(int64(tree.info.Zxid), last)))
	return nil
}

// hex16 is Java's %#016x.
func hex16(v int64) string { return fmt.Sprintf("0x%014x", uint64(v)) }

// nodeText prints a znode and all below it and answers the newest zxid in their Stats.
func (t *tool) nodeText(n *znode, data bool) (last int64) {
	date := func(ms int64) string { return time.UnixMilli(ms).Format(javaDate) }
	st := n.stat
	t.printf("----\n%s\n  cZxid = %s\n  ctime = %s\n  mZxid = %s\n  mtime = %s\n  pZxid = %s\n  cversion = %d\n  dataVersion = %d\n"+
		"  aclVersion = %d\n  ephemeralOwner = %s\n", n.name(), hex16(int64(st.Czxid)), date(st.Ctime), hex16(int64(st.Mzxid)),
		date(st.Mtime), hex16(int64(st.Pzxid)), st.Cversion, st.Version, st.Aversion, hex16(st.EphemeralOwner))
	if data {
		t.printf("  data = %s\n", base64.StdEncoding.EncodeToString(n.data))
	} else {
		t.printf("  dataLength = %d\n", len(n.data))
	}
	last = int64(max(st.Mzxid, st.Pzxid))
	for _, c := range n.children {
		last = max(last, t.nodeText(c, data))
	}
	return last
}

// nodeJSON prints a znode and all below it as ncdu reads it: a list for one with children, which it begins.
func (t *tool) nodeJSON(n *znode, inode *int) error {
	name := "/"
	if n.path != "" {
		name = n.path[strings.LastIndexByte(n.path, '/')+1:]
	}
	var quoted bytes.Buffer
	enc := json.NewEncoder(&quoted)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(name); err != nil {
		return fmt.Errorf("name %q: %w", name, err)
	}
	*inode++
	text := fmt.Sprintf(`{"name":%s,"asize":%d,"dsize":%d,"dev":0,"ino":%d}`, bytes.TrimSpace(quoted.Bytes()), len(n.data), len(n.data), *inode)
	if len(n.children) == 0 {
		t.printf(",%s", text)
		return nil
	}
	t.printf(",[%s", text)
	for _, c := range n.children {
		if err := t.nodeJSON(c, inode); err != nil {
			return err
		}
	}
	t.printf("]")
	return nil
}

// snapshotSummary prints how many znodes and bytes are below each znode.
func snapshotSummary(t *tool, c *command, args []string) error {
	rest, err := parse(flags(c), args, 1, 3)
	if err != nil {
		return err
	}
	start, depth := "/", 0
	if len(rest) > 1 {
		start = rest[1]
	}
	if len(rest) > 2 {
		if depth, err = strconv.Atoi(rest[2]); err != nil || depth < 0 {
			return usagef("depth %s: must be a number, 0 for no limit", rest[2])
		}
	}
	tree, err := t.readTree(rest[0])
	if err != nil {
		return err
	}
	n := tree.nodes[strings.TrimSuffix(start, "/")]
	if n == nil {
		return fmt.Errorf("snapshot %s: it has no znode %s", rest[0], start)
	}
	text, _, _ := summarize(n, 0, depth)
	t.printf("%s\n", text)
	return nil
}

// summarize is the text on a znode and those below it, down to the depth that is shown, with the number of znodes and
// bytes in it. Leaves have no text.
func summarize(n *znode, level, depth int) (text string, count, size int64) {
	count, size = 1, int64(len(n.data))
	var below strings.Builder
	for _, c := range n.children {
		t, k, b := summarize(c, level+1, depth)
		below.WriteString(t)
		count, size = count+k, size+b
	}
	if len(n.children) == 0 || depth != 0 && level > depth {
		return "", count, size
	}
	tab := strings.Repeat("--", level)
	return fmt.Sprintf("%s %s\n%s   children: %d\n%s   data: %d\n%s", tab, n.name(), tab, count-1, tab, size, below.String()), count, size
}
