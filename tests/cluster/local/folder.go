// The state folder: made or taken up again, with its tier.
package main

import (
	"fmt"
	"os"
	"strings"
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
