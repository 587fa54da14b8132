// The end of a node: pods, mounts, cgroups. Only what is provably the cluster's own is touched.
package main

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const cgroupName = "stationmaster"

// endPods ends those who start pods, then the pods.
func (c *cluster) endPods() error {
	var errs []error
	for _, program := range []string{"kube-proxy", "kubelet", "containerd", "containerd-shim-runc-v2"} {
		for _, process := range c.processes() {
			if process.program == program {
				errs = append(errs, stop(process, 0))
			}
		}
	}
	return errors.Join(append(errs, killCgroups())...)
}

// cgroups lists our folders in all hierarchies, innermost first: one hierarchy a controller in version 1, one in all in version 2.
func cgroups() []string {
	var folders []string
	roots, _ := filepath.Glob("/sys/fs/cgroup/*/" + cgroupName)
	for _, root := range append(roots, "/sys/fs/cgroup/"+cgroupName) {
		_ = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				folders = append(folders, name)
			}
			return nil
		})
	}
	slices.SortFunc(folders, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return folders
}

// killCgroups kills every process of every pod, and waits until the kernel has forgotten them.
func killCgroups() error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		left := 0
		for _, folder := range cgroups() {
			text, _ := os.ReadFile(filepath.Join(folder, "cgroup.procs"))
			for _, line := range bytes.Fields(text) {
				if pid, err := strconv.Atoi(string(line)); err == nil && pid > 0 {
					left++
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
		}
		if left == 0 {
			return nil
		}
	}
	return errors.New("processes of pods do not end")
}

// makeCgroups makes the root that the kubelet is given in each hierarchy; it does not make it itself.
func makeCgroups() error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for _, line := range strings.Split(string(mounts), "\n") {
		before, after, _ := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if len(fields) < 5 || !strings.HasPrefix(after, "cgroup") {
			continue
		}
		if strings.HasPrefix(after, "cgroup2 ") {
			delegateControllers(fields[4])
		}
		if err := os.MkdirAll(filepath.Join(fields[4], cgroupName), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// delegateControllers lets groups below the root of version 2 have the controllers that the kubelet asks for. systemd has
// done so where it runs; a controller that cannot be delegated is one that the kubelet will name.
func delegateControllers(root string) {
	available, _ := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	for _, controller := range strings.Fields(string(available)) {
		_ = os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
	}
}

func removeCgroups() error {
	var errs []error
	for _, folder := range cgroups() {
		err := os.Remove(folder)
		for try := 0; errors.Is(err, syscall.EBUSY) && try < 100; try++ {
			time.Sleep(10 * time.Millisecond)
			err = os.Remove(folder)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// unmountBelow unmounts everything below the folders, innermost first.
func unmountBelow(folders ...string) error {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var points []string
	for _, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		for _, folder := range folders {
			if len(fields) > 4 && strings.HasPrefix(fields[4], folder+"/") {
				points = append(points, strings.NewReplacer(`\040`, " ", `\134`, `\`).Replace(fields[4]))
			}
		}
	}
	slices.Reverse(points)
	var errs []error
	for _, point := range points {
		if err := syscall.Unmount(point, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) {
			errs = append(errs, &fs.PathError{Op: "unmount", Path: point, Err: err})
		}
	}
	return errors.Join(errs...)
}

var shimSocket = regexp.MustCompile(`unix://(/run/containerd/s/[0-9a-f]+)`)

// removeShimSockets removes the sockets of our shims from the folder that all containerds of a machine share.
func removeShimSockets() error {
	bundles, _ := filepath.Glob(runFolder + "/containerd/io.containerd.runtime.v2.task/*/*/*")
	var errs []error
	for _, name := range bundles {
		if base := filepath.Base(name); base != "address" && base != "bootstrap.json" {
			continue
		}
		text, _ := os.ReadFile(name)
		if match := shimSocket.FindSubmatch(text); match != nil {
			if err := os.Remove(string(match[1])); !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
