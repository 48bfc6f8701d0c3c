//go:build !unix

package zkbench

import "os/exec"

// ownCPU is not known here.
func ownCPU() (float64, bool) { return 0, false }

func ownGroup(*exec.Cmd) {}

// terminate and kill end the command: there is no gentle way here.
func terminate(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

func kill(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
