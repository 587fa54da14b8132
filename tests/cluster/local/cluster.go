// The cluster as a whole: its state folder, up, down, status. The contract of the folder is in ../README.md.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

type cluster struct {
	dir, home string
	tools     *tools
	tier      string
	with      string // the process with which the cluster is to end, if any
	ports     map[string]int

	reservations []*os.File // sockets that keep the ports

	shippedRates bool // the controller manager starts with the request rate that Kubernetes ships
	audit        bool // the API server logs who writes what
}

// The mark of a folder that `down` may remove.
const marker = "stationmaster-cluster"

func (c *cluster) path(parts ...string) string {
	return filepath.Join(append([]string{c.dir}, parts...)...)
}

// locked keeps two `up` or `down` of one folder from running at once.
func (c *cluster) locked(do func() error) error {
	return withFileLock(c.dir+".lock", "another command on "+c.dir, do)
}

func (c *cluster) up(tier string) error {
	if err := c.open(tier); err != nil {
		return err
	}
	if err := c.tools.build(c.tier); err != nil {
		return err
	}
	if c.tier == "node" {
		if err := c.acquireNode(); err != nil {
			return err
		}
	}
	started := time.Now()
	if c.tier == "node" {
		// The API server listens on the bridge's address.
		if err := errors.Join(c.network(), makeCgroups()); err != nil {
			return err
		}
		if err := c.runtime(); err != nil {
			return err
		}
	}
	if err := c.controlPlane(); err != nil {
		return err
	}
	switch c.tier {
	case "kwok":
		if err := c.simulatedNode(); err != nil {
			return err
		}
	case "node":
		if err := c.node(); err != nil {
			return err
		}
	}
	say("cluster (%s) ready in %s: export KUBECONFIG=%s", c.tier, seconds(time.Since(started)), c.path("kubeconfig"))
	return nil
}

// isOurs is true for a folder with our mark, and for one from which it was removed while the cluster ran (`cargo clean`).
func (c *cluster) isOurs() bool {
	current, err := readHolder()
	return exists(c.path(marker)) || len(c.processes()) > 0 || err == nil && current != nil && current.Dir == c.dir
}

// endHomeless ends a cluster whose folder was removed: there is nothing left that it could go on with.
func (c *cluster) endHomeless() error {
	if exists(c.path(marker)) || !c.isOurs() {
		return nil
	}
	say("the folder of a running cluster was removed: starting anew")
	return c.end(false)
}

// down ends every process, undoes what the node did to the machine, and removes the folder.
func (c *cluster) down(keep bool) error {
	if !c.isOurs() {
		say("no cluster in %s", c.dir)
		return nil
	}
	return step("taking the cluster down", func() error { return c.endLocked(keep) })
}

func (c *cluster) endLocked(keep bool) error {
	return c.locked(func() error {
		if err := c.end(keep); err != nil || keep {
			return err
		}
		return os.Remove(c.dir + ".lock")
	})
}

func (c *cluster) end(keep bool) error {
	ours := c.isOurs() // asked first: what is ended no longer shows it
	err := errors.Join(c.releaseNode(), c.stopAll(keep))
	if err != nil || keep || !ours {
		return err
	}
	return os.RemoveAll(c.dir)
}

// stopAll ends the processes in the order in which they depend on each other; gently only where their data is kept.
func (c *cluster) stopAll(gently bool) error {
	var grace time.Duration
	if gently {
		grace = 5 * time.Second
	}
	order := []string{"kwok", "kube-proxy", "coredns", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"}
	var errs []error
	for _, name := range append(order, "") {
		for _, process := range c.processes() {
			if name == "" || process.name == name {
				errs = append(errs, stop(process, grace))
			}
		}
	}
	return errors.Join(errs...)
}

// What is waited for comes; a machine that is busy with other clusters may take long.
const patience = 3 * time.Minute

var errEnded = errors.New("has ended")

// waitFor asks until the answer is nil. It gives up in the end, and at once when the component has died.
func (c *cluster) waitFor(name, what string, ask func() error) error {
	deadline := time.Now().Add(patience)
	for pause := 10 * time.Millisecond; ; pause = min(pause*2, 200*time.Millisecond) {
		err := ask()
		if err == nil {
			return nil
		}
		if !c.alive(name) {
			return fmt.Errorf("%s %w; the end of its log:\n%s", name, errEnded, c.tail(name))
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s after %s: %w; the end of the log:\n%s", what, patience, err, c.tail(name))
		}
		time.Sleep(pause)
	}
}
