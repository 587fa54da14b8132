// The node: kube-scheduler, kubelet and kube-proxy, and what they are configured with.
package main

import (
	"fmt"
	"net"
	"time"
)

const (
	containerdSocket = runFolder + "/containerd.sock"
	pauseImage       = "docker.io/stationmaster/pause:v1"
)

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
	if err := c.waitFor("kubelet", "the kubelet is not healthy", c.kubeletHealthy); err != nil {
		return err
	}
	if err := c.waitFor("kubelet", "the node is not ready", c.nodeReady); err != nil {
		return err
	}
	return c.waitFor("kube-proxy", "the API server's Service does not answer", func() error {
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
