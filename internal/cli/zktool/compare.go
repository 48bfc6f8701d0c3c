package zktool

import (
	"cmp"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// side is one of the two snapshots compared: its znodes by depth, sorted by path, with the sums of what is below each.
type side struct {
	tree   *snapTree
	depths [][]*znode
	sums   map[*znode]sum
}

// sum is a znode's own size and all below it, and the number of znodes below it.
type sum struct{ size, count int64 }

func (s *side) register(n *znode, depth int) sum {
	total := sum{size: int64(len(n.data)), count: int64(len(n.children))}
	for len(s.depths) <= depth {
		s.depths = append(s.depths, nil)
	}
	s.depths[depth] = append(s.depths[depth], n)
	for _, c := range n.children {
		below := s.register(c, depth+1)
		total.size += below.size
		total.count += below.count
	}
	s.sums[n] = total
	return total
}

// comparison is a comparison under way.
type comparison struct {
	*tool
	left, right        *side
	bytes, nodes       int64
	debug, interactive bool
}

func snapshotCompare(t *tool, c *command, args []string) error {
	fl := flags(c)
	cm := &comparison{tool: t}
	var files [2]string
	for _, name := range []string{"l", "left"} {
		fl.StringVar(&files[0], name, "", "")
	}
	for _, name := range []string{"r", "right"} {
		fl.StringVar(&files[1], name, "", "")
	}
	for _, name := range []string{"b", "bytes"} {
		fl.Int64Var(&cm.bytes, name, 0, "")
	}
	for _, name := range []string{"n", "nodes"} {
		fl.Int64Var(&cm.nodes, name, 0, "")
	}
	for _, name := range []string{"d", "debug"} {
		fl.BoolVar(&cm.debug, name, false, "")
	}
	for _, name := range []string{"i", "interactive"} {
		fl.BoolVar(&cm.interactive, name, false, "")
	}
	if rest, err := parse(fl, args, 0, 0); err != nil {
		return err
	} else if len(rest) > 0 || files[0] == "" || files[1] == "" {
		return usagef("-l and -r must name the two snapshots")
	}
	t.printf("Successfully parsed options!\n")
	var sides [2]*side
	for i, path := range files {
		begin := time.Now()
		tree, err := t.readTree(path)
		if err != nil {
			return err
		}
		t.printf("Deserialized snapshot in %s in %f seconds\n", filepath.Base(path), time.Since(begin).Seconds())
		begin = time.Now()
		sides[i] = &side{tree: tree, sums: map[*znode]sum{}}
		sides[i].register(tree.nodes[""], 0)
		for _, d := range sides[i].depths {
			slices.SortFunc(d, func(a, b *znode) int { return cmp.Compare(a.path, b.path) })
		}
		t.printf("Processed data tree in %f seconds\n", time.Since(begin).Seconds())
	}
	for _, s := range sides {
		t.printf("Node count: %d\nTotal size: %d\nMax depth: %d\n", len(s.tree.nodes), s.sums[s.tree.nodes[""]].size, len(s.depths))
		for i, d := range s.depths {
			t.printf("Count of nodes at depth %d: %d\n", i, len(d))
		}
		t.printf("\n")
	}
	cm.left, cm.right = sides[0], sides[1]
	if cm.interactive {
		return cm.ask()
	}
	cm.thresholds()
	for depth := range cm.maxDepth() {
		cm.depth(depth)
	}
	t.printf("All layers compared.\n")
	return nil
}

func (c *comparison) maxDepth() int { return max(len(c.left.depths), len(c.right.depths)) }

func (c *comparison) thresholds() {
	c.printf("Printing analysis for nodes difference larger than %d bytes or node count difference larger than %d.\n", c.bytes, c.nodes)
}

func (c *comparison) depth(depth int) {
	c.printf("Analysis for depth %d\n", depth)
	at := func(s *side) []*znode {
		if depth < len(s.depths) {
			return s.depths[depth]
		}
		return nil
	}
	c.lists(at(c.left), at(c.right))
}

// ask lets the user choose what to compare, until the deepest level was shown or the input ends.
func (c *comparison) ask() error {
	last := c.maxDepth() - 1
	for depth := 0; depth <= last; {
		c.printf("Current depth is %d\n- Press enter to move to print current depth layer;\n- Type a number to jump to and print all nodes "+
			"at a given depth;\n- Enter an ABSOLUTE path to print the immediate subtree of a node. Path must start with '/'.\n", depth)
		if err := c.out.Flush(); err != nil {
			return err
		}
		input, err := c.in.ReadString('\n')
		if err != nil && input == "" {
			return nil // nobody asks any more
		}
		input = strings.TrimRight(input, "\r\n")
		c.thresholds()
		n, numErr := strconv.Atoi(input)
		switch {
		case input == "":
			c.depth(depth)
			depth++
		case input[0] == '/':
			c.printf("Analysis for node %s\n", input)
			c.subtree(input)
		case numErr != nil:
			c.printf("Input %s is not valid. Depth must be in range [%d, %d]. Path must be an absolute path which starts with '/'.\n", input, 0, last)
		case n < 0 || n > last:
			c.printf("Depth must be in range [%d, %d]\n", 0, last)
			continue
		default:
			depth = n
			c.depth(depth)
		}
		c.printf("\n")
	}
	c.printf("All layers compared.\n")
	return nil
}

func (c *comparison) subtree(path string) {
	key := strings.TrimSuffix(path, "/")
	l, r := c.left.tree.nodes[key], c.right.tree.nodes[key]
	if l == nil && r == nil {
		c.printf("Path %s is neither found in left tree nor right tree.\n", path)
		return
	}
	below := func(n *znode) []*znode {
		if n == nil {
			return nil
		}
		return n.children
	}
	c.lists(below(l), below(r))
}

// lists compares two lists of znodes, both sorted by path.
func (c *comparison) lists(l, r []*znode) {
	for len(l) > 0 || len(r) > 0 {
		order := -1
		switch {
		case len(l) == 0:
			order = 1
		case len(r) > 0:
			order = cmp.Compare(l[0].path, r[0].path)
			if c.debug {
				c.printf("Comparing %s to %s\n%s\n", l[0].path, r[0].path, []string{"left is less", "same", "right is less"}[order+1])
			}
		}
		switch {
		case order < 0:
			c.only("left", l[0], c.left.sums[l[0]])
		case order > 0:
			c.only("right", r[0], c.right.sums[r[0]])
		default:
			c.both(l[0].path, c.left.sums[l[0]], c.right.sums[r[0]])
		}
		if order <= 0 {
			l = l[1:]
		}
		if order >= 0 {
			r = r[1:]
		}
	}
}

func (c *comparison) only(which string, n *znode, s sum) {
	if s.size > c.bytes || s.count > c.nodes {
		c.printf("Node %s found only in %s tree. Descendant size: %d. Descendant count: %d\n", n.path, which, s.size, s.count)
	} else if c.debug || c.interactive {
		c.printf("Filtered %s node %s of size %d\n", which, n.path, s.size)
	}
}

func (c *comparison) both(path string, l, r sum) {
	size, count := r.size-l.size, r.count-l.count
	if max(size, -size) > c.bytes || max(count, -count) > c.nodes {
		c.printf("Node %s found in both trees. Delta: %d bytes, %d descendants\n", path, size, count)
	} else if c.debug || c.interactive {
		c.printf("Filtered node %s of left size %d, right size %d\n", path, l.size, r.size)
	}
}
