package zkserver

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
)

const (
	// houseInterval is how often the server looks at its disks, at least: see filling.
	houseInterval = 5 * time.Second
	// firstPurge is how long after its start a server purges for the first time: one that is restarted more often than
	// autopurge.purgeInterval comes would never do it. Not at once, because then its clients come back.
	firstPurge = time.Minute
	// alarmRepeat is how often it tells of one that is nearly full.
	alarmRepeat = time.Minute
	// leastDiskAlarm is the free space that is always worth an alarm when none was set.
	leastDiskAlarm = 100 << 20
)

// volumes is what the server knows of the space on its disks.
type volumes struct {
	free         [2]atomic.Int64 // of dataDir and dataLogDir; -1 when the system does not tell
	threshold    atomic.Int64
	alarm        atomic.Bool
	lastSnapshot atomic.Int64 // bytes
	unpurged     atomic.Int32 // snapshots since the last purge

	unseen int64 // bytes logged since the core has last woken the housekeeping; the core's

	// Owned by the housekeeping goroutine.
	told      time.Time
	lastPurge time.Time
}

// DiskStatus tells how full the disks are.
type DiskStatus struct {
	// DataFree and LogFree are the bytes left for dataDir and dataLogDir; -1 when the system does not tell.
	DataFree, LogFree int64
	// Alarm is set when one of them is below Threshold, until there is a quarter more than that.
	Alarm     bool
	Threshold int64
}

// DiskStatus is as of the last look, every few seconds. Valid after Start.
func (s *Server) DiskStatus() DiskStatus {
	v := &s.volumes
	return DiskStatus{DataFree: v.free[0].Load(), LogFree: v.free[1].Load(), Alarm: v.alarm.Load(), Threshold: v.threshold.Load()}
}

// keepHouse looks at the disks and removes old snapshots and logs, until the server stops.
func (s *Server) keepHouse() {
	s.volumes.lastPurge = s.clock.Now().Add(min(0, firstPurge-s.live.Load().PurgeInterval))
	for {
		s.lookAtDisks()
		if cfg := s.live.Load(); s.purgeDue(cfg) {
			s.volumes.lastPurge = s.clock.Now()
			s.volumes.unpurged.Store(0)
			s.purge(cfg.SnapRetainCount)
		}
		wait := houseInterval
		if every := s.live.Load().PurgeInterval; every > 0 {
			wait = min(wait, max(every, 10*time.Millisecond))
		}
		t := s.clock.NewTimer(wait)
		select {
		case <-t.C():
		case <-s.houseWake:
		case <-s.quit:
			t.Stop()
			return
		}
		t.Stop()
	}
}

// surplus: so many times autopurge.snapRetainCount snapshots are purged without waiting for autopurge.purgeInterval. Under
// heavy writes a snapshot and a log file come every second: an hour of them fills any disk.
const surplus = 4

// purgeDue tells whether it is time to purge, by the clock or by what has piled up.
func (s *Server) purgeDue(cfg *config.Config) bool {
	return cfg.PurgeInterval > 0 && (s.clock.Now().Sub(s.volumes.lastPurge) >= cfg.PurgeInterval || s.piledUp(cfg))
}

// piledUp tells whether there are many snapshots too many, or one while the disk is nearly full. It may be asked from any goroutine.
func (s *Server) piledUp(cfg *config.Config) bool {
	n := int(s.volumes.unpurged.Load())
	return n >= surplus*max(cfg.SnapRetainCount, 3) || n > 0 && s.volumes.alarm.Load()
}

func (s *Server) wakeHouse() {
	select {
	case s.houseWake <- struct{}{}:
	default:
	}
}

// filling has the disks looked at again when a part of the reserve may be used up: heavy writes need less than houseInterval
// for all of it. The core tells of all that it logs.
func (s *Server) filling(bytes int64) {
	v := &s.volumes
	v.unseen += bytes
	if reserve := v.threshold.Load(); reserve > 0 && v.unseen >= reserve/4 {
		v.unseen = 0
		s.wakeHouse()
	}
}

// lookAtDisks raises the alarm early, while there is still space for what is to be written next, and purges at once, and again
// behind each snapshot: first down to autopurge.snapRetainCount snapshots, and if that is not enough down to one.
func (s *Server) lookAtDisks() {
	v, cfg := &s.volumes, s.live.Load()
	threshold := cfg.DiskAlarm
	if threshold == 0 {
		threshold = max(leastDiskAlarm, 2*v.lastSnapshot.Load())
	}
	v.threshold.Store(threshold)
	low := s.measureDisks(threshold)
	due := !v.alarm.Load() || s.clock.Now().Sub(v.told) >= alarmRepeat
	if low && cfg.PurgeInterval > 0 && (due || v.unpurged.Load() > 0) {
		v.unpurged.Store(0)
		s.purge(cfg.SnapRetainCount)
		if low = s.measureDisks(threshold); low {
			s.purge(1)
			low = s.measureDisks(threshold)
		}
	}
	// Space that comes and goes with each snapshot is one alarm, not many.
	over := !low && !s.measureDisks(threshold+threshold/4)
	switch now := s.clock.Now(); {
	case low && due:
		v.told = now
		s.log.Error("the disk is nearly full: when it is full the server stops; make room now",
			zap.String("dataDir", s.cfg.DataDir), zap.Int64("dataFree", v.free[0].Load()),
			zap.String("dataLogDir", s.cfg.LogDir()), zap.Int64("logFree", v.free[1].Load()), zap.Int64("threshold", threshold))
	case over && v.alarm.Load():
		s.log.Info("there is room on the disk again", zap.Int64("dataFree", v.free[0].Load()), zap.Int64("logFree", v.free[1].Load()))
	}
	v.alarm.Store(low || v.alarm.Load() && !over)
}

// measureDisks tells whether a disk has less than threshold bytes left.
func (s *Server) measureDisks(threshold int64) (low bool) {
	for i, dir := range []string{s.snapDir(), s.logDir()} {
		free, err := s.fs.FreeSpace(dir)
		if err != nil {
			free = -1
		}
		s.volumes.free[i].Store(free)
		low = low || err == nil && free < threshold
	}
	return low
}

// purge removes old snapshots and logs; a snapshot may be written meanwhile.
func (s *Server) purge(keep int) {
	purged, err := snapshot.Retain(s.fs, s.snapDir(), s.logDir(), keep)
	if err != nil {
		s.log.Warn("purging old snapshots and logs failed", zap.Error(err))
		return
	}
	if len(purged.Snapshots)+len(purged.Logs) > 0 {
		s.log.Info("purged", zap.Strings("snapshots", purged.Snapshots), zap.Strings("logs", purged.Logs))
	}
}

// mayCreate refuses a missing directory when directories are not to be made (datadir.autocreate).
func (s *Server) mayCreate(key, dir string) error {
	if s.cfg.DirAutocreate {
		return nil
	}
	if _, err := s.fs.Stat(filepath.Join(dir, versionDir)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("zkserver: %s %s has no directory %s, and zookeeper.datadir.autocreate is false: mount the right volume, or run "+
			"zkserver init", key, dir, versionDir)
	}
	return nil
}

// reportSecurity tells what the configuration and the root's ACL leave open.
func (s *Server) reportSecurity() {
	for _, finding := range s.cfg.Security() {
		s.log.Warn("security: " + finding)
	}
	s.treeMu.RLock()
	defer s.treeMu.RUnlock()
	acl, _, _ := s.tree.ACL("/")
	for _, a := range acl {
		if a.Scheme == "world" && a.Perms != 0 && !s.cfg.SkipACL {
			s.log.Info("security: everybody may create znodes below / (its ACL is world:anyone, as in every new tree)", zap.Int32("perms", a.Perms))
		}
	}
}
