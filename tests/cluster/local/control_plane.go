// etcd, kube-apiserver and kube-controller-manager: the tier that needs neither root nor containers.
package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
)

const (
	nodeName            = "local"
	serviceRange        = "10.96.0.0/16"
	firstServiceAddress = "10.96.0.1"
)

func (c *cluster) controlPlane() error {
	if err := c.certificates(); err != nil {
		return err
	}
	if err := c.kubeconfigs(); err != nil {
		return err
	}
	if err := c.answering(c.etcd(), "etcd is not healthy", c.etcdHealthy); err != nil {
		return err
	}
	if err := c.writeAuditPolicy(); err != nil {
		return err
	}
	if err := c.answering(c.apiserver(), "the API server is not ready", c.apiserverReady); err != nil {
		return err
	}
	// Not earlier: it asks for the API server once a second, so it would start later.
	if _, err := c.ensure(c.controllerManager()); err != nil {
		return err
	}
	// Pods need the account, so an API server without it is not ready for a user.
	return c.waitFor("kube-controller-manager", "no default service account", func() error {
		return c.get("/api/v1/namespaces/default/serviceaccounts/default", nil)
	})
}

// answering starts a component and waits for its answer. One that is found running may be about to end, killed a moment ago:
// then it is started once more.
func (c *cluster) answering(want component, otherwise string, ask func() error) error {
	for {
		started, err := c.ensure(want)
		if err != nil {
			return err
		}
		if err := c.waitFor(want.name, otherwise, ask); started || !errors.Is(err, errEnded) {
			return err
		}
	}
}

// server is the API server's address: the bridge's in tier node, where pods reach it too, and never one of the machine's own.
func (c *cluster) server() string {
	return "https://" + net.JoinHostPort(c.address(), strconv.Itoa(c.ports["apiserver"]))
}

func (c *cluster) address() string {
	if c.tier == "node" {
		return bridgeAddress
	}
	return "127.0.0.1"
}

func (c *cluster) kubeconfigs() error {
	for client := range clients {
		if err := c.kubeconfig(c.path("config", client+".kubeconfig"), client); err != nil {
			return err
		}
	}
	if err := c.kubeconfig(c.path("kubeconfig"), "admin"); err != nil {
		return err
	}
	if err := c.linkPrograms(); err != nil {
		return err
	}
	return writeFile(c.path("env"), fmt.Sprintf(`export KUBECONFIG='%s'
export PATH='%s':"$PATH"
export CLUSTER_TIER='%s'
`, c.path("kubeconfig"), c.path("bin"), c.tier))
}

// linkPrograms gives the folder a bin/ with what people and scripts call.
func (c *cluster) linkPrograms() error {
	if err := os.MkdirAll(c.path("bin"), 0o755); err != nil {
		return err
	}
	for _, program := range needs[c.tier] {
		if program != "kubectl" && program != "ctr" {
			continue
		}
		link := c.path("bin", program)
		_ = os.Remove(link + ".new")
		if err := os.Symlink(c.tools.path(program), link+".new"); err != nil {
			return err
		}
		if err := os.Rename(link+".new", link); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) etcd() component {
	client := fmt.Sprintf("http://127.0.0.1:%d", c.ports["etcd"])
	peer := fmt.Sprintf("http://127.0.0.1:%d", c.ports["etcd-peer"])
	ports := []int{c.ports["etcd"], c.ports["etcd-peer"]}
	return component{name: "etcd", ports: ports, arguments: []string{
		c.tools.path("etcd"), "--name=local", "--data-dir=" + c.path("etcd"), "--log-level=warn",
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=local=" + peer,
		// A test cluster survives kill -9, which needs no fsync; only a power cut would.
		"--unsafe-no-fsync",
		// With one member the election is a formality; by default it takes a second.
		"--heartbeat-interval=10", "--election-timeout=100",
		"--quota-backend-bytes=8589934592",
	}}
}

func (c *cluster) etcdHealthy() error {
	return expectOK(http.DefaultClient, fmt.Sprintf("http://127.0.0.1:%d/health", c.ports["etcd"]))
}

func (c *cluster) apiserver() component {
	certs := func(name string) string { return c.path("certs", name) }
	arguments := []string{
		c.tools.path("kube-apiserver"),
		fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", c.ports["etcd"]),
		"--bind-address=" + c.address(), "--advertise-address=" + c.address(), fmt.Sprintf("--secure-port=%d", c.ports["apiserver"]),
		"--tls-cert-file=" + certs("apiserver.crt"), "--tls-private-key-file=" + certs("apiserver.key"),
		"--client-ca-file=" + certs("ca.crt"), "--authorization-mode=Node,RBAC",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + certs("service-accounts.pub"), "--service-account-signing-key-file=" + certs("service-accounts.key"),
		"--service-cluster-ip-range=" + serviceRange, "--allow-privileged=true",
		// A webhook's Service is reached at its pod's address, without kube-proxy.
		"--enable-aggregator-routing=true",
		// For kubectl logs and exec; a node's name is in no DNS that the API server could ask.
		"--kubelet-preferred-address-types=InternalIP", "--kubelet-certificate-authority=" + certs("ca.crt"),
		"--kubelet-client-certificate=" + certs("kubelet-client.crt"), "--kubelet-client-key=" + certs("kubelet-client.key"),
		// It accepts no loopback address, and keeps an old port after a restart on another: names.go does its work.
		"--endpoint-reconciler-type=none",
	}
	if c.audit {
		// Each line is written before its request is answered.
		arguments = append(arguments, "--audit-policy-file="+c.auditPolicy(), "--audit-log-path="+c.path("logs", "audit.log"),
			"--audit-log-mode=blocking")
	}
	return component{name: "kube-apiserver", ports: []int{c.ports["apiserver"]}, arguments: arguments, files: []string{certs("ca.crt")}}
}

func (c *cluster) auditPolicy() string {
	return c.path("config", "audit.yaml")
}

// writeAuditPolicy has every request logged that changes something, by its answer: one line each. The status of a ResourceSet
// is logged with what was stored, so that a reader of it can tell whether the log has come as far.
func (c *cluster) writeAuditPolicy() error {
	if !c.audit {
		return nil
	}
	return writeFile(c.auditPolicy(), `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: RequestResponse
  verbs: [update]
  resources: [{group: resources.stationmaster.dev, resources: [resourcesets/status]}]
- level: Metadata
  verbs: [create, update, patch, delete, deletecollection]
- level: None
`)
}

// apiserverReady is true once a user's first request will succeed: the default namespace is made after /readyz is.
func (c *cluster) apiserverReady() error {
	if err := c.get("/readyz", nil); err != nil {
		return err
	}
	return c.get("/api/v1/namespaces/default", nil)
}

func (c *cluster) controllerManager() component {
	arguments := []string{
		c.tools.path("kube-controller-manager"), "--kubeconfig=" + c.path("config", "kube-controller-manager.kubeconfig"),
		"--service-account-private-key-file=" + c.path("certs", "service-accounts.key"), "--root-ca-file=" + c.path("certs", "ca.crt"),
		"--use-service-account-credentials=true", "--leader-elect=false", "--secure-port=0",
	}
	if !c.shippedRates {
		// Jobs end sooner than at the 20 requests a second that are shipped, and so do tests.
		arguments = append(arguments, "--kube-api-qps=1000", "--kube-api-burst=2000", "--concurrent-job-syncs=20")
	}
	return component{name: "kube-controller-manager", files: []string{c.path("certs", "ca.crt")}, arguments: arguments}
}
