// The node: kube-scheduler, containerd, kubelet and kube-proxy, and what they are configured with.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	containerdSocket = runFolder + "/containerd.sock"
	pauseImage       = "docker.io/stationmaster/pause:v1"
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
	return c.waitFor("containerd", "containerd does not answer", 30*time.Second, func() error {
		return call(c.tools.path("ctr"), "-a", containerdSocket, "version")
	})
}

// proxies are the only part of the caller's environment that a component gets: images that are not ours come from outside.
func proxies() []string {
	var found []string
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"} {
		if value, set := os.LookupEnv(name); set {
			found = append(found, name+"="+value)
		}
	}
	return found
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

func (c *cluster) node() error {
	if _, err := c.ensure(c.scheduler()); err != nil {
		return err
	}
	if err := writeFile(c.path("config", "kubelet.yaml"), c.kubeletConfig()); err != nil {
		return err
	}
	if _, err := c.ensure(c.kubelet()); err != nil {
		return err
	}
	if _, err := c.ensure(c.proxy()); err != nil {
		return err
	}
	if err := c.names(); err != nil {
		return err
	}
	if err := c.waitFor("kubelet", "the kubelet is not healthy", time.Minute, c.kubeletHealthy); err != nil {
		return err
	}
	if err := c.waitFor("kubelet", "the node is not ready", time.Minute, c.nodeReady); err != nil {
		return err
	}
	return c.waitFor("kube-proxy", "the API server's Service does not answer", time.Minute, func() error {
		connection, err := net.DialTimeout("tcp", net.JoinHostPort(firstServiceAddress, "443"), 300*time.Millisecond)
		if err == nil {
			connection.Close()
		}
		return err
	})
}

func (c *cluster) scheduler() component {
	return component{name: "kube-scheduler", files: []string{c.path("certs", "ca.crt")}, arguments: []string{
		c.tools.path("kube-scheduler"), "--kubeconfig=" + c.path("config", "kube-scheduler.kubeconfig"),
		"--leader-elect=false", "--secure-port=0", "--kube-api-qps=1000", "--kube-api-burst=2000",
	}}
}

func (c *cluster) kubeletConfig() string {
	return fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: %[1]s
authentication: {anonymous: {enabled: false}, x509: {clientCAFile: %[2]s/ca.crt}, webhook: {enabled: true}}
authorization: {mode: Webhook}
tlsCertFile: %[2]s/kubelet-server.crt
tlsPrivateKeyFile: %[2]s/kubelet-server.key
healthzPort: 0
containerRuntimeEndpoint: unix://%[3]s
cgroupDriver: cgroupfs
cgroupRoot: /%[4]s
failSwapOn: false
failCgroupV1: false
makeIPTablesUtilChains: false
clusterDomain: cluster.local
clusterDNS: [%[5]s]
podLogsDir: %[6]s
volumePluginDir: %[7]s
registryPullQPS: 0
serializeImagePulls: false
eventRecordQPS: 0
kubeAPIQPS: 200
kubeAPIBurst: 400
maxPods: 250
imageGCHighThresholdPercent: 100
localStorageCapacityIsolation: true
evictionHard: {memory.available: 50Mi, nodefs.available: 1%%, imagefs.available: 1%%, nodefs.inodesFree: 1%%}
`, bridgeAddress, c.path("certs"), containerdSocket, cgroupName, namesAddress, c.path("logs", "pods"), c.path("kubelet", "volume-plugins"))
}

func (c *cluster) kubelet() component {
	return component{name: "kubelet", files: []string{c.path("certs", "ca.crt"), c.path("config", "kubelet.yaml")}, arguments: []string{
		c.tools.path("kubelet"), "--config=" + c.path("config", "kubelet.yaml"), "--kubeconfig=" + c.path("config", "kubelet.kubeconfig"),
		"--root-dir=" + c.path("kubelet"), "--cert-dir=" + c.path("kubelet", "pki"),
		"--node-ip=" + bridgeAddress, "--hostname-override=" + nodeName,
	}}
}

// kubeletHealthy asks the kubelet itself: the Node object still says Ready for a while after its kubelet has died.
func (c *cluster) kubeletHealthy() error {
	client, err := c.client()
	if err != nil {
		return err
	}
	return expectOK(client, "https://"+bridgeAddress+":10250/healthz")
}

func (c *cluster) nodeReady() error {
	var node struct {
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if err := c.get("/api/v1/nodes/"+nodeName, &node); err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == "Ready" && condition.Status == "True" {
			return nil
		}
	}
	return fmt.Errorf("conditions of the node: %+v", node.Status.Conditions)
}

func (c *cluster) proxy() component {
	return component{name: "kube-proxy", files: []string{c.path("certs", "ca.crt")}, arguments: []string{
		c.tools.path("kube-proxy"), "--kubeconfig=" + c.path("config", "kube-proxy.kubeconfig"), "--hostname-override=" + nodeName,
		"--proxy-mode=iptables", "--healthz-bind-address=" + bridgeAddress + ":10256", "--metrics-bind-address=" + bridgeAddress + ":10249",
		// Answers from one pod of the bridge to another would otherwise go past the translation of addresses.
		"--masquerade-all",
		"--nodeport-addresses=" + bridgeAddress + "/32", "--iptables-localhost-nodeports=false",
		"--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0",
	}}
}

func (c *cluster) registryURL() string {
	return fmt.Sprintf("http://127.0.0.1:%d", c.ports["registry"])
}

// registry starts the registry and fills it with the images that every cluster has.
func (c *cluster) registry() error {
	config := c.path("config", "registry.yaml")
	if err := writeFile(config, fmt.Sprintf(`version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: %q}, delete: {enabled: true}}
http: {addr: "127.0.0.1:%d"}
`, c.path("registry"), c.ports["registry"])); err != nil {
		return err
	}
	registry := component{name: "registry", arguments: []string{c.tools.path("registry"), "serve", config}, files: []string{config}}
	if _, err := c.ensure(registry); err != nil {
		return err
	}
	if err := c.waitFor("registry", "the registry does not answer", 30*time.Second, func() error {
		return expectOK(http.DefaultClient, c.registryURL()+"/v2/")
	}); err != nil {
		return err
	}
	return c.pushOwnImages()
}
