// The state folder: made or taken up again, with its tier and its ports.
package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"time"
)

// open makes the folder, or takes up one that is there; a running cluster keeps its tier when less is asked for.
func (c *cluster) open(tier string) error {
	if err := c.endHomeless(); err != nil {
		return err
	}
	existing := ""
	if text, err := os.ReadFile(c.path(marker)); err == nil {
		existing = strings.TrimSpace(string(text))
	} else if entries, _ := os.ReadDir(c.dir); len(entries) > 0 {
		return fmt.Errorf("%s is not empty and not a cluster's folder", c.dir)
	}
	if err := c.chooseTier(tier, existing); err != nil {
		return err
	}
	if c.tier == "node" {
		if err := c.prepareMachine(); err != nil {
			return err
		}
	}
	for _, folder := range []string{"logs", "pids", "config"} {
		if err := os.MkdirAll(c.path(folder), 0o755); err != nil {
			return err
		}
	}
	if err := writeFile(c.path(marker), c.tier+"\n"); err != nil {
		return err
	}
	return c.choosePorts("apiserver", "etcd", "etcd-peer", "registry", "kwok")
}

func (c *cluster) chooseTier(asked, existing string) error {
	switch {
	case asked == "" && existing == "":
		c.tier = "api"
	case asked == "" || asked == "api" && existing != "":
		c.tier = existing
	case existing != "" && existing != "api" && existing != asked:
		return fmt.Errorf("%s holds a cluster with tier %s: take it down first", c.dir, existing)
	default:
		c.tier = asked
	}
	if _, known := needs[c.tier]; !known {
		return fmt.Errorf("unknown tier %q: api, kwok or node", c.tier)
	}
	return nil
}

// choosePorts keeps the ports of an earlier run, so that kubeconfigs in use stay valid, and draws new ones only for ports that
// somebody else has taken since. They lie below the range from which the kernel draws for clients.
func (c *cluster) choosePorts(names ...string) error {
	c.ports = map[string]int{}
	if text, err := os.ReadFile(c.path("ports.json")); err == nil {
		_ = json.Unmarshal(text, &c.ports)
	}
	ours := len(c.processes()) > 0
	for _, name := range names {
		if port := c.ports[name]; port != 0 && (ours || soonFree(port)) {
			continue
		}
		for c.ports[name] == 0 || !free(c.ports[name]) {
			c.ports[name] = 20000 + rand.IntN(9999)
		}
	}
	text, err := json.Marshal(c.ports)
	if err != nil {
		return err
	}
	return writeFile(c.path("ports.json"), string(text)+"\n")
}

// soonFree gives processes that were just killed a moment to let go of a port.
func soonFree(port int) bool {
	for deadline := time.Now().Add(time.Second); !free(port); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

func free(port int) bool {
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return false
	}
	listener.Close()
	return true
}
