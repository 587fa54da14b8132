// DNS for the pods: CoreDNS as a plain process on the bridge's address, behind the usual Service kube-dns.
package main

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
)

const (
	namesAddress = "10.96.0.10"
	namesPort    = 5300
	readyPort    = 8181
)

func (c *cluster) names() error {
	if err := writeFile(c.path("config", "Corefile"), c.corefile()); err != nil {
		return err
	}
	coredns := component{
		name:      "coredns",
		arguments: []string{c.tools.path("coredns"), "-conf", c.path("config", "Corefile")},
		files:     []string{c.path("config", "Corefile"), c.path("certs", "ca.crt")},
	}
	if _, err := c.ensure(coredns); err != nil {
		return err
	}
	for path, manifest := range c.namesManifests() {
		if err := c.apply(path, manifest); err != nil {
			return err
		}
	}
	return c.waitFor("coredns", "CoreDNS is not ready", func() error {
		return expectOK(http.DefaultClient, fmt.Sprintf("http://%s:%d/ready", bridgeAddress, readyPort))
	})
}

var nameserver = regexp.MustCompile(`(?m)^\s*nameserver\s`)

// corefile forwards foreign names only where the machine has a resolver; CoreDNS refuses to start with none.
func (c *cluster) corefile() string {
	forward := ""
	if text, err := os.ReadFile("/etc/resolv.conf"); err == nil && nameserver.Match(text) {
		forward = "forward . /etc/resolv.conf"
	}
	return fmt.Sprintf(`.:%d {
    bind %s
    errors
    ready %s:%d
    kubernetes cluster.local in-addr.arpa {
        kubeconfig %s
        fallthrough in-addr.arpa
    }
    cache 5
    %s
}
`, namesPort, bridgeAddress, bridgeAddress, readyPort, c.path("config", "admin.kubeconfig"), forward)
}

// namesManifests is the Service kube-dns without a selector, and the endpoints behind it and behind the API server's
// own Service, which are no pods.
func (c *cluster) namesManifests() map[string]object {
	service := object{
		"apiVersion": "v1", "kind": "Service",
		"metadata": object{"name": "kube-dns", "namespace": "kube-system", "labels": object{"k8s-app": "kube-dns"}},
		"spec": object{"clusterIP": namesAddress, "ports": []object{
			{"name": "dns", "protocol": "UDP", "port": 53, "targetPort": namesPort},
			{"name": "dns-tcp", "protocol": "TCP", "port": 53, "targetPort": namesPort},
		}},
	}
	const slices = "/apis/discovery.k8s.io/v1/namespaces/"
	return map[string]object{
		"/api/v1/namespaces/kube-system/services/kube-dns": service,
		slices + "kube-system/endpointslices/kube-dns": endpoints("kube-system", "kube-dns",
			object{"name": "dns", "protocol": "UDP", "port": namesPort}, object{"name": "dns-tcp", "protocol": "TCP", "port": namesPort}),
		slices + "default/endpointslices/kubernetes": endpoints("default", "kubernetes",
			object{"name": "https", "protocol": "TCP", "port": c.ports["apiserver"]}),
	}
}

// endpoints says that a Service's ports are answered by processes of this machine.
func endpoints(namespace, service string, ports ...object) object {
	return object{
		"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
		"metadata": object{
			"name": service, "namespace": namespace,
			"labels": object{"kubernetes.io/service-name": service, "endpointslice.kubernetes.io/managed-by": "cluster"},
		},
		"endpoints": []object{{"addresses": []string{bridgeAddress}, "conditions": object{"ready": true}}},
		"ports":     ports,
	}
}
