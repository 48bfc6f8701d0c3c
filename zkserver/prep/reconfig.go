package prep

import (
	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// configPath is the znode that holds the membership.
const configPath = "/zookeeper/config"

// reconfig proposes a new membership: the text that Config.Reconfigure computes becomes the data of /zookeeper/config. The
// znode's version stays -1, as in the original, and the digest does not cover it.
func (p *Prep) reconfig(c *call, d *jute.Decoder) (zkproto.Txn, zkproto.Error) {
	var q zkproto.ReconfigRequest
	if q.Decode(d); d.Err() != nil {
		return nil, errMalformed
	}
	if !p.config.ReconfigEnabled {
		return nil, zkproto.ErrReconfigDisabled
	}
	if err := p.sessions.Check(c.Session, c.Owner); err != zkproto.ErrOK {
		return nil, err
	}
	if p.config.Reconfigure == nil {
		return nil, zkproto.ErrUnimplemented // membership of an ensemble of one cannot change
	}
	text, err := p.config.Reconfigure(&q, c.zxid)
	if err != zkproto.ErrOK {
		return nil, err
	}
	n, ok := p.changes.get(configPath)
	if !ok {
		return nil, zkproto.ErrNoNode
	}
	if !p.auth.Check(n.ACL, zkproto.PermWrite, c.IDs) {
		return nil, zkproto.ErrNoAuth
	}
	was := n.Digest
	n.Version = -1
	n.Mzxid, n.Mtime = c.zxid, c.now
	n.Content, n.DataLen = p.changes.content(n.Path, text), int32(len(text))
	p.changes.put(c.zxid, &n, was)
	return &zkproto.SetDataTxn{Path: configPath, Data: text, Version: -1}, zkproto.ErrOK
}

// WellFormed tells whether Prepare could decode a request. A learner asks before it forwards one: a leader that is an
// original gives a request it cannot decode a zxid that is in use already.
func WellFormed(op zkproto.OpCode, body []byte) bool {
	d := jute.NewDecoder(body)
	switch op {
	case zkproto.OpCreate, zkproto.OpCreate2, zkproto.OpCreateContainer, zkproto.OpCreateTTL:
		d.StringView()
		d.Bytes()
		zkproto.DecodeACLs(&d)
		d.Int32()
		if op == zkproto.OpCreateTTL {
			d.Int64()
		}
	case zkproto.OpSetData:
		d.StringView()
		d.Bytes()
		d.Int32()
	case zkproto.OpDelete, zkproto.OpCheck:
		d.StringView()
		d.Int32()
	case zkproto.OpDeleteContainer:
		d.StringView()
	case zkproto.OpSetACL:
		var q zkproto.SetACLRequest
		q.Decode(&d)
	case zkproto.OpMulti:
		var q zkproto.MultiRequest
		q.Decode(&d)
		for i := range q.Ops {
			if refused(&q.Ops[i]) != zkproto.ErrOK {
				return false
			}
		}
	case zkproto.OpCreateSession:
		d.Int32()
	case zkproto.OpReconfig:
		var q zkproto.ReconfigRequest
		q.Decode(&d)
	case zkproto.OpCloseSession:
	default:
		return false
	}
	return d.Err() == nil
}

// CreatesEphemeral tells whether a request creates an ephemeral znode, for which a local session has to become global.
// (QuorumZooKeeperServer.checkUpgradeSession)
func CreatesEphemeral(op zkproto.OpCode, body []byte) bool {
	d := jute.NewDecoder(body)
	switch op {
	case zkproto.OpCreate, zkproto.OpCreate2:
		d.StringView()
		d.Bytes()
		zkproto.DecodeACLs(&d)
		mode := zkproto.CreateMode(d.Int32())
		return d.Err() == nil && mode.Ephemeral()
	case zkproto.OpMulti:
		var q zkproto.MultiRequest
		q.Decode(&d)
		for i := range q.Ops {
			if t := q.Ops[i].Type; (t == zkproto.OpCreate || t == zkproto.OpCreate2) && q.Ops[i].Create.Mode.Ephemeral() {
				return d.Err() == nil
			}
		}
	}
	return false
}
