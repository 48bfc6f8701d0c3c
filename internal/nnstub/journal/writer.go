package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Writer is the writer of one epoch. It is not safe for concurrent use, and not to be used while its Journal is polled.
type Writer struct {
	j      *Journal
	epoch  uint64
	f      *os.File
	failed error
}

// Begin takes a new epoch for the named writer: from the moment it exists, no older writer is accepted. The edits that
// were not applied yet are applied; then the writer is ready. Two fsyncs: of the new segment and of the directory.
// ErrFenced means that yet another epoch has begun meanwhile. A journal that is damaged is left as it is.
func (j *Journal) Begin(writer string, apply func(Edit)) (*Writer, error) {
	// Who cannot read the journal shall not stop the writer that it has.
	if _, err := j.Poll(apply); err != nil {
		return nil, err
	}
	epoch, err := j.take()
	if err != nil {
		return nil, err
	}
	j.hook("taken")
	t, err := j.readTail(epoch)
	if err != nil {
		return nil, err
	}
	j.hook("tail read")
	f, size, err := j.createSegment(header{epoch: epoch, firstTxid: t.txid + 1, prevEpoch: t.epoch, prevLength: t.end, writer: writer})
	if err != nil {
		return nil, err
	}
	w := &Writer{j: j, epoch: epoch, f: f}
	if err := w.Fenced(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	for _, e := range t.edits {
		apply(e)
	}
	j.pos = position{epoch: epoch, offset: int64(size), txid: t.txid}
	return w, nil
}

// take creates the file of the next epoch, which nobody else can.
func (j *Journal) take() (uint64, error) {
	_, epoch, err := j.newest()
	if err != nil {
		return 0, err
	}
	for {
		epoch++
		f, err := os.OpenFile(j.epochFile(epoch), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err == nil {
			return epoch, f.Close()
		}
		if !errors.Is(err, fs.ErrExist) {
			return 0, fmt.Errorf("journal: take epoch %d: %w", epoch, err)
		}
	}
}

// createSegment makes the segment appear with its whole header, durably.
func (j *Journal) createSegment(h header) (*os.File, int, error) {
	name, tmp := j.segmentFile(h.epoch), j.segmentFile(h.epoch)+".tmp"
	b := encodeHeader(h)
	if err := writeSynced(tmp, b); err != nil {
		return nil, 0, fmt.Errorf("journal: create %s: %w", tmp, err)
	}
	if err := os.Rename(tmp, name); err != nil {
		return nil, 0, fmt.Errorf("journal: %w", err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("journal: %w", err)
	}
	if err := syncDir(j.dir); err != nil {
		return nil, 0, errors.Join(fmt.Errorf("journal: fsync of %s: %w", j.dir, err), f.Close())
	}
	return f, len(b), nil
}

// writeSynced writes a whole new file, durably but for its name.
func writeSynced(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// Epoch is the writer's epoch.
func (w *Writer) Epoch() uint64 { return w.epoch }

// Append writes files as edits, with one write and one fsync for all of them, and gives them their epoch and txid. When it
// returns nil they are durable and part of the journal for ever. After an error (ErrFenced, or the disk's) nothing may be
// acknowledged and the writer is spent.
func (w *Writer) Append(edits []Edit) error {
	if w.failed == nil {
		w.failed = w.append(edits)
	}
	return w.failed
}

func (w *Writer) append(edits []Edit) error {
	if err := w.Fenced(); err != nil {
		return err
	}
	b := w.j.buf[:0]
	for i := range edits {
		edits[i].Epoch, edits[i].Txid = w.epoch, w.j.pos.txid+1+uint64(i)
		b = appendEdit(b, edits[i])
	}
	if cap(b) <= chunk {
		w.j.buf = b
	}
	w.j.hook("checked")
	if _, err := w.f.Write(b); err != nil {
		return fmt.Errorf("journal: write: %w", err)
	}
	if err := syncData(w.f); err != nil {
		return fmt.Errorf("journal: fsync: %w", err)
	}
	w.j.hook("synced")
	if err := w.Fenced(); err != nil {
		return err
	}
	w.j.pos.offset += int64(len(b))
	w.j.pos.txid += uint64(len(edits))
	return nil
}

// Fenced is an error that wraps ErrFenced when a later epoch has begun. It may be called at any time. Epochs count by one,
// so looking for the next one is enough.
func (w *Writer) Fenced() error {
	fenced, err := w.j.taken(w.epoch + 1)
	if err != nil {
		return err
	}
	if fenced {
		return fmt.Errorf("journal: writer of epoch %d: %w", w.epoch, ErrFenced)
	}
	return nil
}

// Close releases the segment's file. The journal can be polled afterwards.
func (w *Writer) Close() error { return w.f.Close() }
