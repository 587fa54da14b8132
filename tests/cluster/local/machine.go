// What the node needs of the machine and changes on it: packages, kernel settings, folders outside the cluster's own.
// Everything that is changed here is put back by restoreMachine.
package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Programs of the distribution that the node calls, and the Debian packages that hold them.
var distribution = []struct{ program, pkg string }{
	{"ip", "iproute2"}, {"iptables", "iptables"}, {"conntrack", "conntrack"}, {"runc", "runc"}, {"busybox", "busybox-static"},
}

// Kernel settings that kubelet, kube-proxy or the bridge change.
var settings = []string{
	"net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet", "vm/overcommit_memory", "vm/panic_on_oom",
	"kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

// Folders outside the cluster's own that containerd, the CNI plugins and the kubelet insist on.
var foreignFolders = []string{
	"/run/containerd", "/run/mount", "/run/netns", "/run/nri", "/opt/containerd", "/var/lib/cni", "/var/lib/containerd", "/var/lib/kubelet",
	"/var/log/containers", "/var/log/pods", "/usr/libexec/kubernetes",
}

// prepareMachine installs what is missing, or names the command that does.
func (c *cluster) prepareMachine() error {
	if os.Geteuid() != 0 {
		return errors.New("a node needs root; without it there is --tier kwok")
	}
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin")
	// Unix sockets in the kubelet's folder have names of at most 107 bytes.
	if longest := c.path("kubelet", "pod-resources", "kubelet.sock"); len(longest) > 100 {
		return fmt.Errorf("the path %s is too long for a node: use a shorter --dir", c.dir)
	}
	packages := missingPackages()
	if len(packages) == 0 {
		return nil
	}
	names := strings.Join(packages, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("install these (Debian's package names) and run this again: %s", names)
	}
	return step("installing "+names, func() error { return aptInstall(packages) })
}

func missingPackages() []string {
	var packages []string
	for _, need := range distribution {
		path, err := exec.LookPath(need.program)
		if err != nil || need.program == "busybox" && !static(path) {
			packages = append(packages, need.pkg)
		}
	}
	return packages
}

// static says whether a program runs in an image that has no libraries.
func static(path string) bool {
	file, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			return false
		}
	}
	return true
}

func aptInstall(packages []string) error {
	install := append([]string{"install", "--yes", "--quiet", "--no-install-recommends"}, packages...)
	for _, arguments := range [][]string{{"update", "--quiet"}, install} {
		command := exec.Command("apt-get", arguments...)
		command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", strings.Join(arguments, " "), err, output)
		}
	}
	return nil
}

// readSettings remembers the kernel settings; one that this kernel lacks is left out.
func readSettings() map[string]string {
	values := map[string]string{}
	for _, name := range settings {
		if text, err := os.ReadFile("/proc/sys/" + name); err == nil {
			values[name] = strings.TrimSpace(string(text))
		}
	}
	return values
}

func existingFolders() []string {
	var found []string
	for _, name := range foreignFolders {
		if exists(name) {
			found = append(found, name)
		}
	}
	return found
}

// restoreMachine puts settings back and removes what was left in folders that are not ours.
func (h *holder) restoreMachine() error {
	var errs []error
	for name, value := range h.Settings {
		errs = append(errs, os.WriteFile("/proc/sys/"+name, []byte(value), 0o644))
	}
	had := map[string]bool{}
	for _, name := range h.Folders {
		had[name] = true
	}
	for _, name := range foreignFolders {
		if !had[name] {
			errs = append(errs, os.RemoveAll(name))
		}
	}
	errs = append(errs, removeMatching("/var/lib/cni/results", func(name string) bool {
		return strings.HasPrefix(filepath.Base(name), networkName+"-")
	}))
	errs = append(errs, removeMatching("/var/log/containers", func(name string) bool {
		target, _ := os.Readlink(name)
		return strings.HasPrefix(target, h.Dir+"/")
	}))
	return errors.Join(errs...)
}

// removeMatching removes the files of a folder, if it is there, that are ours.
func removeMatching(folder string, ours func(name string) bool) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, entry := range entries {
		if name := filepath.Join(folder, entry.Name()); ours(name) {
			errs = append(errs, os.Remove(name))
		}
	}
	return errors.Join(errs...)
}
