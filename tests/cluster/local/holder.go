// The node is one per machine: its bridge, its iptables rules and its cgroups exist once. This file says who has it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Gone after a reboot, as everything is that it speaks of.
const runFolder = "/run/stationmaster"

// holder is who has the node, and how the machine was before.
type holder struct {
	Dir      string            `json:"dir"`
	Pid      int               `json:"pid"`
	Since    time.Time         `json:"since"`
	Settings map[string]string `json:"settings"`
	Folders  []string          `json:"folders"`
	Proxy    string            `json:"proxy"` // the kube-proxy that knows how to remove its rules
}

// acquireNode waits until nobody has the node, and takes it.
func (c *cluster) acquireNode() error {
	for told := false; ; time.Sleep(time.Second) {
		var other *holder
		err := withFileLock(runFolder+".lock", "another cluster to come up", func() (err error) {
			other, err = c.tryAcquireNode()
			return err
		})
		if err != nil || other == nil {
			return err
		}
		if !told {
			say("waiting for the node: %s has it since %s (pid %d); `tests/cluster/down --dir %s` releases it",
				other.Dir, other.Since.Format(time.DateTime), other.Pid, other.Dir)
			told = true
		}
	}
}

// tryAcquireNode answers who has the node when it is not ours.
func (c *cluster) tryAcquireNode() (*holder, error) {
	current, err := readHolder()
	if err != nil {
		return nil, err
	}
	if current != nil && current.Dir == c.dir {
		current.Pid = os.Getpid()
		return nil, current.write()
	}
	if current != nil && current.lives() {
		return current, nil
	}
	if current != nil {
		say("cleaning up after a node that was left behind by %s", current.Dir)
		if err := current.undo(); err != nil {
			return nil, err
		}
	}
	if err := machineIsFree(); err != nil {
		return nil, err
	}
	mine := holder{Dir: c.dir, Pid: os.Getpid(), Since: time.Now(), Settings: readSettings(), Folders: c.foldersBefore(),
		Proxy: c.tools.path("kube-proxy")}
	return nil, mine.write()
}

// foldersBefore is remembered in the cluster's folder: after a reboot the machine no longer shows which folders are ours.
func (c *cluster) foldersBefore() []string {
	var folders []string
	name := c.path("folders-before.json")
	if text, err := os.ReadFile(name); err == nil && json.Unmarshal(text, &folders) == nil {
		return folders
	}
	folders = existingFolders()
	text, _ := json.Marshal(folders)
	_ = writeFile(name, string(text))
	return folders
}

func readHolder() (*holder, error) {
	text, err := os.ReadFile(filepath.Join(runFolder, "node.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	current := &holder{}
	return current, json.Unmarshal(text, current)
}

func (h *holder) write() error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(runFolder, "node.json"), string(text))
}

// lives is true while the holder's `up` is at work, and as long as any of its processes runs.
func (h *holder) lives() bool {
	program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", h.Pid))
	own, _ := os.Executable()
	if err == nil && filepath.Dir(program) == filepath.Dir(own) && syscall.Kill(h.Pid, 0) == nil {
		return true
	}
	return len((&cluster{dir: h.Dir}).processes()) > 0
}

// releaseNode undoes the node if it is ours.
func (c *cluster) releaseNode() error {
	current, err := readHolder()
	if err != nil || current == nil || current.Dir != c.dir {
		return err
	}
	return withFileLock(runFolder+".lock", "another cluster to come up", current.undo)
}

// undo leaves nothing of the node on the machine; the state in the cluster's folder stays.
func (h *holder) undo() error {
	errs := []error{(&cluster{dir: h.Dir}).endPods()}
	errs = append(errs,
		unmountBelow(h.Dir, runFolder), removeServiceRules(h.Proxy), removeNetwork(),
		removeCgroups(), removeShimSockets(), h.restoreMachine())
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(runFolder), os.Remove(runFolder+".lock"))
}
