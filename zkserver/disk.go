package zkserver

import (
	"fmt"
	"sync/atomic"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

// disk is the goroutine that owns the store's log while it is busy; otherwise the core does. It gets one job at a time; what
// comes while it works becomes the next one.
type disk struct {
	jobs      chan diskJob
	done      chan struct{}
	closeErr  error
	busy      atomic.Bool
	persisted atomic.Int64 // the last zxid that is durable
}

// diskJob is a batch to append and sync. With roll, a new log file begins before it.
type diskJob struct {
	records []txnlog.Record
	roll    bool
}

func (d *disk) start(s *Server) {
	d.jobs, d.done = make(chan diskJob, 1), make(chan struct{})
	d.persisted.Store(int64(s.core.logged))
	go func() {
		defer close(d.done)
		for job := range d.jobs {
			if err := d.write(s, job); err != nil {
				s.fail(d.failure(s, err)) // and stay busy for good: no job may follow a failed one
				continue
			}
			d.busy.Store(false)
			if s.peers != nil && len(job.records) <= directBatch {
				s.syncedDirect()
				continue
			}
			s.wakeCore()
		}
		d.closeErr = s.store.Log.Close()
	}()
}

// submit hands a job over. Only the core calls it, when the disk is not busy.
func (d *disk) submit(job diskJob) {
	d.busy.Store(true)
	d.jobs <- job
}

// writeHere does a job on the core's goroutine. The disk is not busy.
func (d *disk) writeHere(s *Server, job diskJob) {
	if err := d.write(s, job); err != nil {
		d.busy.Store(true) // for good, as above
		s.fail(d.failure(s, err))
	}
}

func (d *disk) failure(s *Server, err error) error {
	return fmt.Errorf("zkserver: the transaction log in %s: %w", s.logDir(), err)
}

func (d *disk) write(s *Server, job diskJob) error {
	begin := s.clock.Now()
	if job.roll {
		if err := s.store.Log.Roll(); err != nil {
			return err
		}
	}
	if len(job.records) == 0 {
		return nil
	}
	if err := d.append(s.store.Log, job.records); err != nil {
		return err
	}
	s.stats.logged(s.clock.Now().Sub(begin), len(job.records))
	d.persisted.Store(int64(job.records[len(job.records)-1].Zxid))
	return nil
}

// append makes records durable. With few there is little to do for others, and the cheap way is taken.
func (d *disk) append(log *txnlog.Log, records []txnlog.Record) error {
	if len(records) <= directBatch {
		return log.AppendSync(records)
	}
	if err := log.Append(records); err != nil {
		return err
	}
	return log.Sync()
}

func (d *disk) lastPersisted() zkproto.Zxid { return zkproto.Zxid(d.persisted.Load()) }

// stop ends the goroutine after its current job and closes the log.
func (d *disk) stop() error {
	close(d.jobs)
	<-d.done
	return d.closeErr
}
