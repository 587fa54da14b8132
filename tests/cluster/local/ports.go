// The ports of a cluster: drawn once, and nobody else's for as long as one of those that listen lives.
package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"time"
)

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
			c.reserve(port, true)
			continue
		}
		for c.ports[name] = drawn(); !c.reserve(c.ports[name], false); {
			c.ports[name] = drawn()
		}
	}
	text, err := json.Marshal(c.ports)
	if err != nil {
		return err
	}
	return writeFile(c.path("ports.json"), string(text)+"\n")
}

func drawn() int {
	return 20000 + rand.IntN(9999)
}

// reserve binds a socket to a port and never listens on it. From then on the port is given to nobody, and cannot be reserved
// again but by those who share it; who asks for an address in use may still listen there, as every program of Go does. What
// listens inherits the reservations: they outlive the death of any one of them, and end with the last.
func (c *cluster) reserve(port int, shared bool) bool {
	descriptor, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	socket := os.NewFile(uintptr(descriptor), fmt.Sprintf("port %d", port))
	share := func() error { return syscall.SetsockoptInt(descriptor, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1) }
	bind := func() error { return syscall.Bind(descriptor, &syscall.SockaddrInet4{Port: port}) }
	steps := []func() error{bind, share}
	if shared {
		steps = []func() error{share, bind}
	}
	for _, step := range steps {
		if step() != nil {
			socket.Close()
			return false
		}
	}
	c.reservations = append(c.reservations, socket)
	return true
}

// soonFree gives processes that were just killed the time to let go of a port.
func soonFree(port int) bool {
	for deadline := time.Now().Add(10 * time.Second); !free(port); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// free is true for a port on which nobody listens.
func free(port int) bool {
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return false
	}
	listener.Close()
	return true
}
