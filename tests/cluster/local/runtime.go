// What runs the containers: containerd, its configuration, and the registry that it asks first.
package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// runtime starts what needs no API server: the registry, its images, and containerd.
func (c *cluster) runtime() error {
	if err := c.registry(); err != nil {
		return err
	}
	if err := c.containerdConfig(); err != nil {
		return err
	}
	containerd := component{
		name:      "containerd",
		arguments: []string{c.tools.path("containerd"), "--config", c.path("config", "containerd.toml"), "--log-level", "warn"},
		files:     []string{c.path("config", "containerd.toml"), c.path("config", "cni", "10-bridge.conflist")},
		env:       proxies(),
	}
	if _, err := c.ensure(containerd); err != nil {
		return err
	}
	return c.waitFor("containerd", "containerd does not answer", func() error {
		return call(c.tools.path("ctr"), "-a", containerdSocket, "version")
	})
}

// proxies are the only part of the caller's environment that a component gets: images that are not ours come from outside.
func proxies() []string {
	var found []string
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		if value, set := os.LookupEnv(name); set {
			found = append(found, name+"="+value)
		}
	}
	// Our own registry is near; without this it would be asked for through the proxy.
	near := []string{bridgeAddress}
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		if value := os.Getenv(name); value != "" {
			near = append(near, value)
		}
	}
	return append(found, "NO_PROXY="+strings.Join(near, ","))
}

func (c *cluster) containerdConfig() error {
	runc, err := exec.LookPath("runc")
	if err != nil {
		return err
	}
	// Every image is asked for at our own registry first, whatever its host; what it lacks comes from that host.
	mirror := fmt.Sprintf("[host.%q]\ncapabilities = [\"pull\", \"resolve\"]\n", c.registryURL())
	if err := writeFile(c.path("config", "certs.d", "_default", "hosts.toml"), mirror); err != nil {
		return err
	}
	if err := writeFile(c.path("config", "cni", "10-bridge.conflist"), fmt.Sprintf(`{
  "cniVersion": "1.0.0", "name": %q,
  "plugins": [{
    "type": "bridge", "bridge": %q, "isGateway": true, "hairpinMode": true,
    "ipam": {"type": "host-local", "dataDir": %q, "ranges": [[{"subnet": %q}]], "routes": [{"dst": "0.0.0.0/0"}]}
  }]
}
`, networkName, bridge, runFolder+"/addresses", podRange)); err != nil {
		return err
	}
	return writeFile(c.path("config", "containerd.toml"), fmt.Sprintf(`version = 3
root = %[1]q
state = %[2]q
disabled_plugins = [
  "io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.blockfile",
]

[grpc]
address = %[3]q

[plugins.'io.containerd.cri.v1.images']
snapshotter = %[4]q
pinned_images = { sandbox = %[5]q }
registry = { config_path = %[6]q }

[plugins.'io.containerd.cri.v1.runtime']
# Without CAP_SYS_RESOURCE every sandbox would fail.
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
disable_apparmor = true
cni = { bin_dirs = [%[7]q], conf_dir = %[8]q }

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
runtime_path = %[9]q
options = { BinaryName = %[10]q, Root = %[11]q, SystemdCgroup = false }
`, c.path("containerd"), runFolder+"/containerd", containerdSocket, c.snapshotter(), pauseImage, c.path("config", "certs.d"),
		filepath.Dir(c.tools.path("bridge")), c.path("config", "cni"), c.tools.path("containerd-shim-runc-v2"), runc, runFolder+"/runc"))
}

// snapshotter is overlayfs, unless the folder itself lies on a file system that cannot carry one.
func (c *cluster) snapshotter() string {
	probe := c.path("overlay-probe")
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		_ = os.MkdirAll(filepath.Join(probe, name), 0o755)
	}
	defer os.RemoveAll(probe)
	options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", probe)
	if syscall.Mount("overlay", filepath.Join(probe, "merged"), "overlay", 0, options) != nil {
		return "native"
	}
	_ = syscall.Unmount(filepath.Join(probe, "merged"), 0)
	return "overlayfs"
}

// registryAddress is the same on the machine and in its pods, as the API server's is.
func (c *cluster) registryAddress() string {
	return net.JoinHostPort(bridgeAddress, strconv.Itoa(c.ports["registry"]))
}

func (c *cluster) registryURL() string {
	return "http://" + c.registryAddress()
}

// registry starts the registry and fills it with the images that every cluster has.
func (c *cluster) registry() error {
	config := c.path("config", "registry.yaml")
	if err := writeFile(config, fmt.Sprintf(`version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: %q}, delete: {enabled: true}}
http: {addr: %q}
`, c.path("registry"), c.registryAddress())); err != nil {
		return err
	}
	registry := component{
		name: "registry", ports: []int{c.ports["registry"]}, files: []string{config},
		arguments: []string{c.tools.path("registry"), "serve", config},
	}
	if _, err := c.ensure(registry); err != nil {
		return err
	}
	if err := c.waitFor("registry", "the registry does not answer", func() error {
		return expectOK(direct, c.registryURL()+"/v2/")
	}); err != nil {
		return err
	}
	return c.pushOwnImages()
}
