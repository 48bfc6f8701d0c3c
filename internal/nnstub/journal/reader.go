package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"go.uber.org/zap"
)

// chunk is how much is read before it is applied, in bytes.
const chunk = 4 << 20

// stretch is a part of the chain: bytes from..to of a segment, to < 0 when it is the open end.
type stretch struct {
	epoch    uint64
	from, to int64
}

// Poll applies, in order, the edits that have become part of the journal since the last call, and returns how many. Each
// edit's Data belongs to apply. It stops without an error where a new epoch has begun whose writer is not ready yet.
func (j *Journal) Poll(apply func(Edit)) (int, error) {
	total := 0
	for {
		head, superseded, err := j.head()
		if err != nil || head == 0 || superseded {
			return total, err
		}
		n, again, err := j.advance(head, apply)
		total += n
		if err != nil || !again {
			return total, err
		}
	}
}

// head is the newest segment. superseded means that a later epoch has begun that has no segment yet.
func (j *Journal) head() (head uint64, superseded bool, err error) {
	head = j.pos.epoch
	if head != 0 {
		if superseded, err = j.taken(head + 1); err != nil || !superseded {
			return head, false, err
		}
	}
	head, epoch, err := j.newest()
	return head, epoch > head, err
}

// advance applies what there is up to the end of segment head. again means that head was overtaken meanwhile: look for a
// newer one.
func (j *Journal) advance(head uint64, apply func(Edit)) (n int, again bool, err error) {
	chain, err := j.chain(head)
	if err != nil {
		return 0, false, err
	}
	for _, s := range chain {
		for {
			edits, next, err := j.read(s, j.pos.txid)
			j.hook("read")
			fenced, ferr := j.taken(head + 1)
			switch {
			case ferr != nil:
				return n, false, ferr
			case fenced:
				return n, true, nil
			case err != nil:
				return n, false, err
			}
			for _, e := range edits {
				apply(e)
				j.pos.txid = e.Txid
			}
			n += len(edits)
			j.pos.epoch, j.pos.offset = s.epoch, next
			if s.from = next; next == s.to || s.to < 0 && len(edits) == 0 {
				break
			}
		}
	}
	return n, false, nil
}

// chain is what lies between the position and the end of segment head.
func (j *Journal) chain(head uint64) ([]stretch, error) {
	var chain []stretch
	to := int64(-1)
	for epoch := head; ; {
		if epoch == j.pos.epoch {
			if to >= 0 && to < j.pos.offset {
				return nil, fmt.Errorf("journal: %s ends at %d, but edits up to %d were applied: the directory is not the one that was followed", j.segmentFile(epoch), to, j.pos.offset)
			}
			chain = append(chain, stretch{epoch, j.pos.offset, to})
			break
		}
		h, size, err := j.readHeader(epoch)
		if err != nil {
			return nil, err
		}
		chain = append(chain, stretch{epoch, int64(size), to})
		if h.prevEpoch == 0 && j.pos.epoch == 0 {
			break
		}
		if h.prevEpoch < j.pos.epoch {
			return nil, fmt.Errorf("journal: %s does not continue %s, which was followed", j.segmentFile(epoch), j.segmentFile(j.pos.epoch))
		}
		epoch, to = h.prevEpoch, h.prevLength
	}
	for i, k := 0, len(chain)-1; i < k; i, k = i+1, k-1 {
		chain[i], chain[k] = chain[k], chain[i]
	}
	return chain, nil
}

func (j *Journal) readHeader(epoch uint64) (header, int, error) {
	name := j.segmentFile(epoch)
	f, err := os.Open(name)
	if err != nil {
		return header{}, 0, fmt.Errorf("journal: %w", err)
	}
	defer f.Close()
	b := make([]byte, 64<<10)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return header{}, 0, fmt.Errorf("journal: %w", err)
	}
	h, size, err := takeHeader(b[:n])
	if err == nil && h.epoch != epoch {
		err = fmt.Errorf("%w: header of epoch %d", errBadFrame, h.epoch)
	}
	if err != nil {
		return header{}, 0, &CorruptError{name, 0, err}
	}
	return h, size, nil
}

// read reads whole edits of a stretch, the first of them being txid after+1; next is where the following one begins. At
// the open end an unfinished frame ends the reading; anywhere else it is corruption.
func (j *Journal) read(s stretch, after uint64) (edits []Edit, next int64, err error) {
	next = s.from
	name := j.segmentFile(s.epoch)
	want := chunk
	var b []byte
	for {
		if b, err = readAt(name, s.from, s.to, want); err != nil {
			return nil, next, err
		}
		if _, size, err := takeEdit(b); size <= want || !errors.Is(err, errIncomplete) {
			break
		}
		want *= 2 // one edit larger than a chunk
	}
	ended := len(b) < want // all there is
	for len(b) > 0 {
		e, size, err := takeEdit(b)
		if err == nil && (e.Epoch != s.epoch || e.Txid != after+1) {
			return edits, next, &CorruptError{name, next, fmt.Errorf("edit %d of epoch %d where edit %d of epoch %d belongs", e.Txid, e.Epoch, after+1, s.epoch)}
		}
		switch {
		case err == nil:
		case !ended && errors.Is(err, errIncomplete):
			return edits, next, nil // the rest is in the next chunk
		case s.to >= 0:
			return edits, next, &CorruptError{name, next, err}
		case !tornAt(b):
			return edits, next, &CorruptError{name, next, fmt.Errorf("%w, with whole edits behind it", err)}
		default:
			return edits, next, nil
		}
		e.Data = bytes.Clone(e.Data) // one file shall not keep a whole chunk alive
		edits = append(edits, e)
		after = e.Txid
		b = b[size:]
		next += int64(size)
	}
	if s.to >= 0 && ended && next != s.to {
		return edits, next, &CorruptError{name, next, fmt.Errorf("the file ends here, the next segment says it has %d bytes", s.to)}
	}
	return edits, next, nil
}

// readAt reads at most want bytes from..to of a file; to < 0 means to its end.
func readAt(name string, from, to int64, want int) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	end := st.Size()
	if to >= 0 {
		end = min(end, to)
	}
	if end <= from {
		return nil, nil
	}
	b := make([]byte, min(int64(want), end-from))
	n, err := f.ReadAt(b, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return b[:n], nil
}

// tail is what a taker finds beyond its position: the edits, the segment that its own continues, and that one's end.
type tail struct {
	edits []Edit
	epoch uint64
	end   int64
	txid  uint64
}

// readTail reads to the end of the newest segment below epoch n, without applying, and logs a torn write there.
func (j *Journal) readTail(n uint64) (tail, error) {
	t := tail{txid: j.pos.txid}
	head, _, err := j.newest()
	if err != nil {
		return t, err
	}
	if head >= n {
		return t, fmt.Errorf("journal: epoch %d: %w", n, ErrFenced)
	}
	if head == 0 {
		return t, nil
	}
	chain, err := j.chain(head)
	if err != nil {
		return t, err
	}
	for _, s := range chain {
		for {
			edits, next, err := j.read(s, t.txid)
			if err != nil {
				return t, err
			}
			t.edits = append(t.edits, edits...)
			if len(edits) > 0 {
				t.txid = edits[len(edits)-1].Txid
			}
			t.epoch, t.end = s.epoch, next
			if s.from = next; next == s.to || s.to < 0 && len(edits) == 0 {
				break
			}
		}
	}
	if st, err := os.Stat(j.segmentFile(t.epoch)); err == nil && st.Size() > t.end {
		b, _ := readAt(j.segmentFile(t.epoch), t.end, -1, chunk)
		_, _, reason := takeEdit(b)
		j.log.Warn("torn tail of the journal cut: it was never acknowledged",
			zap.String("path", j.segmentFile(t.epoch)), zap.Int64("offset", t.end),
			zap.Int64("bytes", st.Size()-t.end), zap.NamedError("reason", reason))
	}
	return t, nil
}
