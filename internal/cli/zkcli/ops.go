package zkcli

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/release"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func ls(ctx context.Context, s *shell, p *parsed) error {
	path, watch := p.args[0], p.watched(s, "ls [-w] path")
	if p.has('R') {
		if _, _, err := s.client.Get(ctx, path, watch); err != nil {
			return explain(err, path)
		}
		if s.set.json {
			paths := []string{path}
			err := s.walk(ctx, path, watch, func(c string) { paths = append(paths, c) })
			if err == nil {
				s.show("", struct {
					Path  string   `json:"path"`
					Paths []string `json:"paths"`
				}{path, paths})
			}
			return err
		}
		s.println(path)
		return s.walk(ctx, path, watch, s.println)
	}
	names, st, err := s.client.Children(ctx, path, watch)
	if err != nil {
		return explain(err, path)
	}
	slices.Sort(names)
	text := "[" + strings.Join(names, ", ") + "]"
	v := struct {
		Path     string    `json:"path"`
		Children []string  `json:"children"`
		Stat     *jsonStat `json:"stat,omitempty"`
	}{Path: path, Children: notNil(names)}
	if p.has('s') {
		text += "\n" + formatStat(st)
		v.Stat = newJSONStat(st)
	}
	s.show(text, v)
	return nil
}

// walk visits what is below path: first all children, then what is below each. A znode that goes meanwhile is skipped.
func (s *shell) walk(ctx context.Context, path string, watch bool, visit func(string)) error {
	names, _, err := s.client.Children(ctx, path, watch)
	if errors.Is(err, zkproto.ErrNoNode) {
		return nil
	}
	if err != nil {
		return explain(err, path)
	}
	slices.Sort(names)
	for _, n := range names {
		visit(join(path, n))
	}
	for _, n := range names {
		if err := s.walk(ctx, join(path, n), watch, visit); err != nil {
			return err
		}
	}
	return nil
}

func join(dir, name string) string {
	if dir == "/" {
		return dir + name
	}
	return dir + "/" + name
}

func get(ctx context.Context, s *shell, p *parsed) error {
	path := p.args[0]
	data, st, err := s.client.Get(ctx, path, p.watched(s, "get [-s] [-w] path"))
	if err != nil {
		return explain(err, path)
	}
	v := newJSONNode(path, data)
	if p.has('b') || p.has('x') {
		v.Data, v.DataBase64 = nil, data
	}
	if data == nil {
		data = []byte("null")
	}
	text := string(data)
	switch {
	case p.has('x'):
		text = hexdump(data)
	case p.has('b'):
		text = base64.StdEncoding.EncodeToString(data)
	}
	if p.has('s') {
		text += "\n" + formatStat(st)
		v.Stat = newJSONStat(st)
	}
	s.show(text, v)
	return nil
}

func stat(ctx context.Context, s *shell, p *parsed) error {
	path := p.args[0]
	st, err := s.client.Exists(ctx, path, p.watched(s, "stat [-w] path"))
	if err != nil {
		return explain(err, path)
	}
	s.showStat(path, st)
	return nil
}

// maxTTL is the largest time to live in milliseconds, about 35 years: EphemeralType keeps it in 40 bits.
const maxTTL = 1<<40 - 1

// createMode is the mode that the options of create ask for, and the time to live.
func createMode(p *parsed) (mode zkproto.CreateMode, ttl int64, err error) {
	e, sq, c, t := p.has('e'), p.has('s'), p.has('c'), p.has('t')
	if c && (e || sq) {
		return 0, 0, failf("-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.")
	}
	if t {
		if ttl, err = strconv.ParseInt(p.flags['t'], 10, 64); err != nil {
			return 0, 0, failf("-t argument must be a long value")
		}
		switch {
		case e:
			return 0, 0, failf("TTLs cannot be used with Ephemeral znodes")
		case c:
			return 0, 0, failf("TTLs cannot be used with Container znodes")
		case ttl > maxTTL || ttl <= 0:
			return 0, 0, failf("ttl must be positive and cannot be larger than: %d", int64(maxTTL))
		}
	}
	switch {
	case e && sq:
		mode = zkproto.ModeEphemeralSequential
	case e:
		mode = zkproto.ModeEphemeral
	case sq && t:
		mode = zkproto.ModePersistentSequentialWithTTL
	case sq:
		mode = zkproto.ModePersistentSequential
	case c:
		mode = zkproto.ModeContainer
	case t:
		mode = zkproto.ModePersistentWithTTL
	}
	return mode, ttl, nil
}

func create(ctx context.Context, s *shell, p *parsed) error {
	mode, ttl, err := createMode(p)
	if err != nil {
		return err
	}
	path, data, acl := p.args[0], []byte(nil), zkproto.WorldAll()
	if len(p.args) > 1 {
		data = []byte(p.args[1])
	}
	if len(p.args) > 2 {
		if acl = s.parseACL(p.args[2]); len(acl) == 0 {
			s.warn(keeperMessage(zkproto.ErrInvalidACL, ""))
			return failf("Acl is not valid : null")
		}
	}
	name, err := s.client.Create(ctx, path, data, acl, mode, ttl)
	switch {
	case errors.Is(err, zkproto.ErrEphemeralOnLocalSession):
		s.warn("Unable to create ephemeral node on a local session")
	case errors.Is(err, zkproto.ErrInvalidACL):
		s.warn(keeperMessage(zkproto.ErrInvalidACL, path))
	}
	if err != nil {
		return explain(err, path)
	}
	s.ephemeral = s.ephemeral || mode.Ephemeral()
	if s.set.json {
		s.show("", struct {
			Path string `json:"path"`
		}{name})
		return nil
	}
	s.warn("Created " + name) // the original prints it to standard error
	return nil
}

// showStat prints a Stat alone.
func (s *shell) showStat(path string, st zkproto.Stat) {
	s.show(formatStat(st), &jsonNode{Path: path, Stat: newJSONStat(st)})
}

func set(ctx context.Context, s *shell, p *parsed) error {
	path, data := p.args[0], []byte(p.args[1])
	version, err := p.version()
	if err != nil {
		return err
	}
	if p.has('b') {
		if data, err = base64.StdEncoding.DecodeString(p.args[1]); err != nil {
			return failf("-b: the data is not valid base64: %v", err)
		}
	}
	st, err := s.client.Set(ctx, path, data, version)
	if err != nil {
		return explain(err, path)
	}
	if p.has('s') {
		s.showStat(path, st)
	}
	return nil
}

func deleteOne(ctx context.Context, s *shell, p *parsed) error {
	if len(p.args) > 1 {
		s.warn("'delete path [version]' has been deprecated. Please use 'delete [-v version] path' instead.")
	}
	version, err := p.version()
	if err != nil {
		return err
	}
	return explain(s.client.Delete(ctx, p.args[0], version), p.args[0])
}

// deleteAll deletes a subtree, leaves first, in multis of the batch size; a batch size of 0 or less means one by one.
func deleteAll(ctx context.Context, s *shell, p *parsed) error {
	batch := 1000
	if p.has('b') {
		n, err := strconv.Atoi(p.flags['b'])
		if err != nil {
			return failf("-b argument must be an int value")
		}
		batch = n
	}
	root := p.args[0]
	if _, err := s.client.Exists(ctx, root, false); err != nil {
		return explain(err, root)
	}
	paths := []string{root}
	if err := s.walk(ctx, root, false, func(c string) { paths = append(paths, c) }); err != nil {
		return err
	}
	slices.Reverse(paths) // a child comes after its parent in a walk, so before it now
	for chunk := range slices.Chunk(paths, max(batch, 1)) {
		if batch <= 0 {
			if err := s.client.Delete(ctx, chunk[0], -1); err != nil {
				return explain(err, chunk[0])
			}
			continue
		}
		err := s.client.DeleteMulti(ctx, chunk)
		if errors.Is(err, zkproto.ErrConnectionLoss) || errors.Is(err, zkproto.ErrSessionExpired) {
			return explain(err, root)
		}
		if err != nil {
			s.warn("Failed to delete some node(s) in the subtree!")
			return nil
		}
	}
	return nil
}

func getACL(ctx context.Context, s *shell, p *parsed) error {
	acls, st, err := s.client.ACL(ctx, p.args[0])
	if err != nil {
		return explain(err, p.args[0])
	}
	v := struct {
		Path string    `json:"path"`
		ACL  []jsonACL `json:"acl"`
		Stat *jsonStat `json:"stat,omitempty"`
	}{Path: p.args[0], ACL: []jsonACL{}}
	var text []string
	for _, a := range acls {
		text = append(text, formatACL(a))
		v.ACL = append(v.ACL, jsonACL{a.Scheme, a.ID.ID, permString(a.Perms)})
	}
	if p.has('s') {
		text = append(text, formatStat(st))
		v.Stat = newJSONStat(st)
	}
	if len(text) > 0 || s.set.json {
		s.show(strings.Join(text, "\n"), v)
	}
	return nil
}

func setACL(ctx context.Context, s *shell, p *parsed) error {
	path := p.args[0]
	acls := s.parseACL(p.args[1])
	version, err := p.version()
	if err != nil {
		return err
	}
	if len(acls) == 0 {
		return failf("Acl is not valid : null")
	}
	if !p.has('R') {
		st, err := s.client.SetACL(ctx, path, acls, version)
		if err == nil && p.has('s') {
			s.showStat(path, st)
		}
		return explain(err, path)
	}
	if _, _, err := s.client.Get(ctx, path, false); err != nil {
		return explain(err, path)
	}
	one := func(path string) {
		if _, err := s.client.SetACL(ctx, path, acls, version); err != nil {
			var code zkproto.Error
			text := err.Error()
			if errors.As(err, &code) {
				text = keeperMessage(code, path)
			}
			s.note(text)
		}
	}
	one(path)
	return s.walk(ctx, path, false, one)
}

func addauth(ctx context.Context, s *shell, p *parsed) error {
	var auth []byte
	if len(p.args) > 1 {
		auth = []byte(p.args[1])
	}
	err := s.client.AddAuth(ctx, p.args[0], auth)
	if errors.Is(err, zkproto.ErrAuthFailed) || errors.Is(err, zkproto.ErrConnectionLoss) {
		return failf("%s\nThe server refused scheme %q with this identity and closes the connection",
			keeperMessage(zkproto.ErrAuthFailed, ""), p.args[0])
	}
	return explain(err, noPath)
}

// syncTimeout is the original's.
const syncTimeout = 30 * time.Second

func syncPath(ctx context.Context, s *shell, p *parsed) error {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	err := s.client.Sync(ctx, p.args[0])
	var code zkproto.Error
	switch {
	case err == nil:
		s.show("Sync is OK", struct {
			Path string `json:"path"`
			Sync bool   `json:"sync"`
		}{p.args[0], true})
	case errors.As(err, &code):
		s.show(fmt.Sprintf("Sync has failed. rc=%d", int32(code)), struct {
			Path string `json:"path"`
			Sync bool   `json:"sync"`
			Code int32  `json:"rc"`
		}{p.args[0], false, int32(code)})
	default:
		return err
	}
	return nil
}

func whoami(ctx context.Context, s *shell, _ *parsed) error {
	infos, err := s.client.WhoAmI(ctx)
	if err != nil {
		return explain(err, noPath)
	}
	type identity struct {
		Scheme string `json:"scheme"`
		User   string `json:"user"`
	}
	text, ids := "Auth scheme: User", []identity{}
	for _, i := range infos {
		text += "\n" + i.Scheme + ": " + i.User
		ids = append(ids, identity{i.Scheme, i.User})
	}
	s.show(text, struct {
		Identities []identity `json:"identities"`
	}{ids})
	return nil
}

func version(_ context.Context, s *shell, _ *parsed) error {
	v := release.Version()
	s.show("ZooKeeper CLI version: "+v, struct {
		Version string `json:"version"`
	}{v})
	return nil
}
