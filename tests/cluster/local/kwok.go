// A simulated node: kwok plays kubelet, so that Jobs complete without containers and without root.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// What kwok makes of nodes and pods: files of its own module, which its program does not carry.
var stages = []string{
	"node/fast/node-initialize.yaml", "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
	"pod/fast/pod-ready.yaml", "pod/fast/pod-complete.yaml", "pod/fast/pod-delete.yaml",
}

// copyExtras puts kwok's stages beside its program.
func (g *group) copyExtras() error {
	if g.name != "kwok" {
		return nil
	}
	command := exec.Command("go", "list", "-m", "-json", g.module)
	command.Dir = g.source
	command.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	text, err := command.Output()
	if err != nil {
		return err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(text, &module); err != nil {
		return err
	}
	var all bytes.Buffer
	for _, name := range stages {
		text, err := os.ReadFile(filepath.Join(module.Dir, "kustomize", "stage", name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&all, "---\n%s\n", text)
	}
	return writeFile(filepath.Join(g.cache, "stages.yaml"), all.String())
}

func (c *cluster) simulatedNode() error {
	if _, err := c.ensure(c.scheduler()); err != nil {
		return err
	}
	kwok := component{name: "kwok", ports: []int{c.ports["kwok"]}, files: []string{c.path("certs", "ca.crt")}, arguments: []string{
		c.tools.path("kwok"), "--kubeconfig=" + c.path("config", "admin.kubeconfig"), "--manage-all-nodes=true",
		"--config=" + filepath.Join(filepath.Dir(c.tools.path("kwok")), "stages.yaml"),
		"--node-lease-duration-seconds=40", "--node-ip=127.0.0.1", "--cidr=10.244.0.0/16",
		fmt.Sprintf("--server-address=127.0.0.1:%d", c.ports["kwok"]),
	}}
	if _, err := c.ensure(kwok); err != nil {
		return err
	}
	// Room for a test of ten thousand runs at once.
	room := object{"cpu": "100k", "memory": "100Ti", "pods": "1M"}
	if err := c.apply("/api/v1/nodes/"+nodeName, object{
		"apiVersion": "v1", "kind": "Node",
		"metadata": object{"name": nodeName, "annotations": object{"kwok.x-k8s.io/node": "fake"}},
	}); err != nil {
		return err
	}
	if err := c.apply("/api/v1/nodes/"+nodeName+"/status", object{
		"apiVersion": "v1", "kind": "Node", "metadata": object{"name": nodeName},
		"status": object{"allocatable": room, "capacity": room},
	}); err != nil {
		return err
	}
	return c.waitFor("kwok", "the simulated node is not ready", c.nodeReady)
}
