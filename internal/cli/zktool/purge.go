package zktool

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
)

// javaMedium is DateFormat.getDateTimeInstance() in the locale en_US.
const javaMedium = "Jan 2, 2006, 3:04:05 PM"

// least is how many snapshots purge keeps at least, unless forced.
const least = 3

// purge removes all but the newest snapshots and the logs that they need. Every snapshot that counts as kept has been read
// through; while there are fewer good ones than asked for, nothing is removed.
func purge(t *tool, c *command, args []string) error {
	fl := flags(c)
	n := fl.Int("n", 0, "")
	dryRun, force, live := fl.Bool("dry-run", false, ""), fl.Bool("force", false, ""), fl.Bool("live", false, "")
	dirs, err := parse(fl, args, 1, 2)
	if err != nil {
		return err
	}
	logDir, snapDir := dirs[0], dirs[len(dirs)-1]
	switch {
	case *n < 1:
		return usagef("-n %d: count must be given and at least 1", *n)
	case *n < least && !*force:
		return usagef("-n %d: count should be greater than or equal to %d (-force allows fewer)", *n, least)
	}
	for _, d := range dirs {
		if info, serr := t.fs.Stat(versioned(d)); serr != nil || !info.Dir {
			return fmt.Errorf("%s: there is no directory of logs and snapshots: %s is missing", d, versioned(d))
		}
	}
	for _, d := range dirs {
		if *dryRun || *live {
			break
		}
		lock, lerr := t.takeDir(d)
		if lerr != nil {
			return fmt.Errorf("%w, or purge with -live, which is safe beside a running server", lerr)
		}
		defer lock.Close()
		if snapDir == logDir {
			break
		}
	}
	surplus, err := snapshot.Surplus(t.fs, versioned(snapDir), versioned(logDir), *n)
	if err != nil {
		return err
	}
	for _, path := range append(surplus.Logs, surplus.Snapshots...) {
		info, serr := t.fs.Stat(path)
		if serr != nil {
			return serr
		}
		verb := "Removing"
		if *dryRun {
			verb = "Would remove"
		}
		t.printf("%s file: %s\t%s\n", verb, info.ModTime.Format(javaMedium), path)
	}
	if *dryRun {
		return nil
	}
	if err = t.out.Flush(); err != nil {
		return err
	}
	_, err = snapshot.Retain(t.fs, versioned(snapDir), versioned(logDir), *n)
	return err
}
