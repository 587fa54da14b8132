// The local cluster: a real Kubernetes control plane, and where wanted a real node, as plain processes on this machine.
// This file is the command line; each other file is one subject.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

const usage = `usage: cluster up [--tier api|kwok|node] [--dir DIR] [--with PID] [--shipped-rates] [--audit]
       cluster down [--keep] [--dir DIR]
       cluster load-image [--dir DIR] ARCHIVE NAME
       cluster binaries [--tier api|kwok|node|all]
       cluster program NAME
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("no command\n%s", usage)
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	home := flags.String("home", ".", "the folder tests/cluster of the checkout")
	dir := flags.String("dir", "", "the cluster's state folder")
	tier := flags.String("tier", "", "how much of a cluster")
	keep := flags.Bool("keep", false, "stop the processes and keep the folder")
	with := flags.Int("with", 0, "a process: once it has ended, the next command on any cluster ends this one")
	shippedRates := flags.Bool("shipped-rates", false, "controllers no faster than Kubernetes ships them")
	audit := flags.Bool("audit", false, "the API server logs who writes what")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	closeInheritedFilesOnExec()
	c, err := newCluster(*home, *dir)
	if err != nil {
		return err
	}
	if err := endOrphans(); err != nil {
		return err
	}
	switch args[0] {
	case "up":
		c.with, c.shippedRates, c.audit = owner(*with), *shippedRates, *audit
		return c.locked(func() error { return c.up(*tier) })
	case "down":
		return c.down(*keep)
	case "load-image":
		if flags.NArg() != 2 {
			return fmt.Errorf("load-image takes an archive and a name\n%s", usage)
		}
		return c.loadImage(flags.Arg(0), flags.Arg(1))
	case "binaries":
		return c.tools.build(*tier)
	case "program":
		return c.tools.print(flags.Arg(0))
	default:
		return fmt.Errorf("unknown command %q\n%s", args[0], usage)
	}
}

// newCluster makes paths absolute: they end up in the configuration of processes with other working folders.
func newCluster(home, dir string) (*cluster, error) {
	home, err := filepath.Abs(home)
	if err != nil {
		return nil, err
	}
	if dir == "" {
		dir = filepath.Join(home, "..", "..", "target", "cluster")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	tools, err := readTools(home)
	if err != nil {
		return nil, err
	}
	return &cluster{dir: dir, home: home, tools: tools}, nil
}
