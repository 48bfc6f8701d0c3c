package nnstub

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/nnstub"
)

func putCommand(s cli.Streams) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "put --address HOST:PORT[,HOST:PORT]… PATH [FILE]",
		Short: "write a file through whichever node is active; FILE defaults to - (standard input)",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd.Context(), func(ctx context.Context, c *nnstub.Client) error {
				data, err := readInput(s.In, args[1:])
				if err != nil {
					return err
				}
				ack, err := c.Put(ctx, args[0], data)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(s.Out, "%s: %d bytes, accepted by %s in epoch %d as edit %d\n", args[0], len(data), ack.Node, ack.Epoch, ack.Txid)
				return err
			})
		},
	}
	f.add(cmd)
	return cmd
}

func readInput(in io.Reader, args []string) ([]byte, error) {
	if len(args) == 0 || args[0] == "-" {
		return io.ReadAll(in)
	}
	return os.ReadFile(args[0])
}

func getCommand(s cli.Streams) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "get --address HOST:PORT[,HOST:PORT]… PATH",
		Short: "print a file",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd.Context(), func(ctx context.Context, c *nnstub.Client) error {
				file, err := c.Get(ctx, args[0])
				if err != nil {
					return err
				}
				_, err = s.Out.Write(file.Data)
				return err
			})
		},
	}
	f.add(cmd)
	return cmd
}

func lsCommand(s cli.Streams) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "ls --address HOST:PORT[,HOST:PORT]… [PREFIX]",
		Short: "list files: size, epoch, edit, path",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd.Context(), func(ctx context.Context, c *nnstub.Client) error {
				prefix := ""
				if len(args) == 1 {
					prefix = args[0]
				}
				files, err := c.List(ctx, prefix)
				if err != nil {
					return err
				}
				for _, e := range files {
					if _, err := fmt.Fprintf(s.Out, "%10d %5d %10d %s\n", e.Size, e.Epoch, e.Txid, e.Path); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	f.add(cmd)
	return cmd
}
