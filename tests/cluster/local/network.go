// The node's network: a bridge for the pods, and the few iptables rules that are not kube-proxy's.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
)

const (
	networkName   = "stationmaster"
	bridge        = "stationmaster0"
	bridgeAddress = "10.244.0.1"
	podRange      = "10.244.0.0/24"
	chain         = "STATIONMASTER"
)

// Our chains and the rules in them, and where they are called from. The machine's firewall may drop what it does not know.
var rules = []struct{ table, from, rule string }{
	{"filter", "FORWARD", "-i " + bridge + " -j ACCEPT"},
	{"filter", "FORWARD", "-o " + bridge + " -j ACCEPT"},
	{"filter", "INPUT", "-i " + bridge + " -j ACCEPT"},
	{"nat", "POSTROUTING", "-s " + podRange + " ! -d " + podRange + " -j MASQUERADE"},
}

// machineIsFree refuses a machine on which another Kubernetes or another network would be disturbed.
func machineIsFree() error {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	for _, address := range addresses {
		if strings.HasPrefix(address.String(), bridgeAddress+"/") {
			return fmt.Errorf("another network of this machine has the address %s", bridgeAddress)
		}
	}
	if servicesProgrammed() {
		return errors.New("another Kubernetes runs on this machine (chain KUBE-SERVICES): use CLUSTER=current or CLUSTER=kind")
	}
	return nil
}

// network makes what is missing of the bridge and the rules.
func (c *cluster) network() error {
	if !exists("/sys/class/net/" + bridge) {
		// With an address of its own the bridge keeps it when pods come and go.
		if err := call("ip", "link", "add", "name", bridge, "address", "02:00:0a:f4:00:01", "type", "bridge"); err != nil {
			return err
		}
	}
	if err := call("ip", "address", "replace", bridgeAddress+"/24", "dev", bridge); err != nil {
		return err
	}
	if err := call("ip", "link", "set", bridge, "up"); err != nil {
		return err
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return err
	}
	for _, r := range rules {
		_ = iptables(r.table, "-N", chain) // fails when it is there
		if err := ensureRule(r.table, "-A", chain, strings.Fields(r.rule)); err != nil {
			return err
		}
		if err := ensureRule(r.table, "-I", r.from, []string{"-j", chain}); err != nil {
			return err
		}
	}
	return nil
}

func ensureRule(table, how, from string, rule []string) error {
	if iptables(table, append([]string{"-C", from}, rule...)...) == nil {
		return nil
	}
	return iptables(table, append([]string{how, from}, rule...)...)
}

// removeNetwork removes the bridge with all that hangs on it, and our chains.
func removeNetwork() error {
	var errs []error
	ports, _ := os.ReadDir("/sys/class/net/" + bridge + "/brif")
	for _, port := range ports {
		_ = call("ip", "link", "delete", port.Name()) // it may just have gone with its pod
	}
	if exists("/sys/class/net/" + bridge) {
		errs = append(errs, call("ip", "link", "delete", bridge))
	}
	for _, r := range rules {
		for iptables(r.table, "-C", r.from, "-j", chain) == nil {
			errs = append(errs, iptables(r.table, "-D", r.from, "-j", chain))
		}
	}
	for _, table := range []string{"filter", "nat"} {
		if iptables(table, "-L", chain, "-n") == nil {
			errs = append(errs, iptables(table, "-F", chain), iptables(table, "-X", chain))
		}
	}
	return errors.Join(errs...)
}

// removeServiceRules has kube-proxy take its rules away. The node was only started where there were none of another's.
func removeServiceRules(proxy string) error {
	if !servicesProgrammed() {
		return nil
	}
	_ = call(proxy, "--cleanup") // it complains about kernel modules that this machine lacks
	if servicesProgrammed() {
		return errors.New("kube-proxy --cleanup has left its rules behind")
	}
	return removeFirewall()
}

// removeFirewall removes the one chain that kube-proxy leaves to the kubelet, which was told to make none.
func removeFirewall() error {
	const firewall = "KUBE-FIREWALL"
	var errs []error
	for _, program := range []string{"iptables", "ip6tables"} {
		if call(program, "-w", "-L", firewall, "-n") != nil {
			continue
		}
		for _, from := range []string{"INPUT", "OUTPUT"} {
			_ = call(program, "-w", "-D", from, "-j", firewall) // it is called from both, but not on every machine
		}
		errs = append(errs, call(program, "-w", "-F", firewall), call(program, "-w", "-X", firewall))
	}
	return errors.Join(errs...)
}

func servicesProgrammed() bool {
	return iptables("nat", "-L", "KUBE-SERVICES", "-n") == nil
}

func iptables(table string, arguments ...string) error {
	return call("iptables", append([]string{"-w", "-t", table}, arguments...)...)
}

// call runs a short command; what it printed becomes part of the error.
func call(name string, arguments ...string) error {
	var output bytes.Buffer
	command := exec.Command(name, arguments...)
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(arguments, " "), err, strings.TrimSpace(output.String()))
	}
	return nil
}
