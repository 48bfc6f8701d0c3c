package elector

import (
	"errors"
	"fmt"
)

var errGone = errors.New("connection to zookeeper lost")

// failure words the end of a step, with a remedy where one is known.
func failure(s Step, e Done) error {
	switch {
	case s == CreateLock && e.Code == NoNode:
		return errors.New("create lock: the parent znode does not exist: it was deleted while the controller runs; " +
			"run zkfc -formatZK again")
	case e.Err != nil:
		return fmt.Errorf("%s: %w", s, e.Err)
	case e.Code == BadVersion || e.Code == NodeExists:
		return fmt.Errorf("%s: another node wrote it at the same time", s)
	case e.Code == NoNode:
		return fmt.Errorf("%s: the znode is gone", s)
	case e.Code == Lost:
		return fmt.Errorf("%s: %w", s, errGone)
	default:
		return fmt.Errorf("%s: failed", s)
	}
}
