package store

import (
	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

const (
	// replayBatch is how many transactions go from the goroutine that reads the log to the one that applies them at once,
	// and replayAhead how many such batches may wait.
	replayBatch, replayAhead = 256, 4
	// replayQuiet is how many bytes of log are replayed before the garbage collector may run: what replay drops is garbage,
	// other than what a snapshot is made into.
	replayQuiet = 64 << 20
)

// logged is a transaction read from the log.
type logged struct {
	header zkproto.TxnHeader
	txn    zkproto.Txn
	digest zkproto.TxnDigest
	zxid   zkproto.Zxid
	size   int
}

// replay applies the log from the snapshot's zxid on, to the tree and to the sessions. One goroutine reads, checks and
// decodes, this one applies. collect lets the garbage collector run.
func (s *Store) replay(st *State, collect func()) error {
	s.history.reset(st.SnapshotZxid)
	var res txnlog.Result
	var err error
	batches := make(chan []logged, replayAhead)
	go func() {
		defer close(batches)
		res, err = s.readLog(st.SnapshotZxid, batches)
	}()
	bytes := 0
	for batch := range batches {
		for i := range batch {
			s.reapply(st, &batch[i])
			bytes += batch[i].size
		}
		if bytes > replayQuiet {
			collect()
		}
	}
	if torn := res.TornTail; torn != nil {
		s.opt.Logger.Warn("the end of the log was never synced and is cut off: nothing that was acknowledged is lost",
			zap.String("path", torn.File), zap.Int64("offset", torn.Offset), zap.Int64("bytes", torn.Bytes), zap.String("reason", torn.Reason))
	}
	st.LastZxid, st.Replayed = max(st.SnapshotZxid, res.LastZxid), res.Records
	return err
}

// readLog sends what the log has after zxid, and repairs its torn end.
func (s *Store) readLog(after zkproto.Zxid, to chan<- []logged) (txnlog.Result, error) {
	batch := make([]logged, 0, replayBatch)
	res, err := txnlog.Replay(s.opt.FS, s.opt.LogDir, after, func(r txnlog.Record) error {
		l := logged{zxid: r.Zxid, size: len(r.Data)}
		var err error
		if l.header, l.txn, l.digest, err = DecodeTxn(append([]byte(nil), r.Data...)); err != nil { // the tree keeps parts of it
			return err
		}
		if batch = append(batch, l); len(batch) == replayBatch {
			to <- batch
			batch = make([]logged, 0, replayBatch)
		}
		return nil
	})
	if len(batch) > 0 {
		to <- batch
	}
	return res, err
}

// reapply applies one transaction.
func (s *Store) reapply(st *State, l *logged) {
	switch t := l.txn.(type) {
	case *zkproto.CreateSessionTxn:
		st.Sessions[l.header.ClientID] = t.TimeoutMillis
	case *zkproto.CloseSessionTxn:
		delete(st.Sessions, l.header.ClientID)
	}
	before := st.Tree.DigestMismatches()
	st.Tree.Apply(&l.header, l.txn, nil)
	st.Tree.Verify(l.digest)
	if st.Tree.DigestMismatches() > before {
		s.mismatch(st.Tree, l.zxid)
	}
	if s.opt.History {
		s.history.add(l.zxid, l.size)
	}
}
