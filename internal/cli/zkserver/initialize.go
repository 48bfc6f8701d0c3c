package zkserver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/vfs"
)

// initializer is zkServer-initialize.sh.
type initializer struct {
	flags      *flags
	s          cli.Streams
	configFile string
	myid       int
	force      bool
}

func addInit(root *cobra.Command, f *flags, s cli.Streams) {
	in := &initializer{flags: f, s: s}
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make the directories of a new server",
		Long: `init makes empty data directories, writes myid, and leaves a file "initialize" that lets a server start without data
where zookeeper.db.autocreate=false. With --force it removes what is in existing ones: all data of the server.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return in.run(cmd.Flags().Changed("myid")) },
	}
	cmd.Flags().StringVar(&in.configFile, "configfile", "", "the configuration (default as for the other commands)")
	cmd.Flags().IntVar(&in.myid, "myid", 0, "the server's id, 1 to 255")
	cmd.Flags().BoolVar(&in.force, "force", false, "remove the data of existing directories")
	root.AddCommand(cmd)
}

// say ends the command with a message on standard output.
func (in *initializer) refuse(format string, args ...any) error {
	fmt.Fprintf(in.s.Out, format+"\n", args...)
	return &exitError{exitFailed, nil}
}

func (in *initializer) run(withID bool) error {
	var args []string
	if in.configFile != "" {
		args = []string{in.configFile}
	}
	src := in.flags.source(args)
	if src.input.File != "" && !exists(src.input.File) {
		return in.refuse("Unable to find config file at %s", src.input.File)
	}
	cfg, _, _ := src.load() // problems elsewhere in the file do not matter here
	if cfg.DataDir == "" {
		return in.refuse("Unable to determine dataDir from %s", src.name)
	}
	if withID && (in.myid < 1 || in.myid > 255) {
		return &exitError{exitUsage, fmt.Errorf("--myid %d: give a number from 1 to 255", in.myid)}
	}
	dirs := []struct{ path, what string }{{cfg.DataDir, "data"}}
	if cfg.LogDir() != cfg.DataDir {
		dirs = append(dirs, struct{ path, what string }{cfg.LogDir(), "txnlog"})
	}
	if in.force {
		fmt.Fprintln(in.s.Out, "Force enabled, data/txnlog directories will be re-initialized")
	}
	for _, dir := range dirs {
		if !in.force && exists(filepath.Join(dir.path, "version-2")) {
			return in.refuse("ZooKeeper %s directory already exists at %s (or use --force to force re-initialization)", dir.what, dir.path)
		}
	}
	for _, dir := range dirs {
		if err := renew(dir.path); err != nil {
			return &exitError{exitFailed, err}
		}
	}
	if withID {
		fmt.Fprintf(in.s.Out, "Using myid of %d\n", in.myid)
		if err := os.WriteFile(filepath.Join(cfg.DataDir, "myid"), []byte(strconv.Itoa(in.myid)+"\n"), 0o644); err != nil { //nolint:gosec // read by others
			return &exitError{exitFailed, err}
		}
	} else {
		fmt.Fprintf(in.s.Out, "No myid provided, be sure to specify it in %s/myid if using non-standalone\n", cfg.DataDir)
	}
	if err := os.WriteFile(filepath.Join(cfg.DataDir, "initialize"), nil, 0o644); err != nil { //nolint:gosec // as the original's
		return &exitError{exitFailed, err}
	}
	return nil
}

// renew empties a data directory that no server uses.
func renew(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	lock, err := vfs.OS().Lock(filepath.Join(dir, ".holdfast.lock"))
	if errors.Is(err, vfs.ErrLocked) {
		return fmt.Errorf("%s is in use by a running server: stop it first", dir)
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	for _, name := range []string{"myid", "version-2"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return os.MkdirAll(filepath.Join(dir, "version-2"), 0o755)
}
