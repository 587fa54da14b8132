// How the processes of a cluster are found: by marks in their environment.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The kernel keeps a process's environment for as long as the process lives, so the marks can be neither
// stale nor lost, which pid files can be both. The pid files are for people.
const (
	markDir   = "STATIONMASTER_COMPONENT_OF="
	markName  = "STATIONMASTER_COMPONENT="
	markPrint = "STATIONMASTER_COMPONENT_PRINT="
	markWith  = "STATIONMASTER_COMPONENT_WITH="
)

// running is a live process that carries the marks of this cluster.
type running struct {
	pid                  int
	program, name, print string
}

// processes lists all live processes that carry this cluster's mark, children of components included.
func (c *cluster) processes() []running {
	var found []running
	for _, process := range allMarked() {
		if process.dir == c.dir {
			found = append(found, process.running)
		}
	}
	return found
}

// allMarked lists the live processes of all clusters of this user, or of everybody's for root.
func allMarked() []marked {
	var found []marked
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if process, ok := inspect(pid); ok {
			found = append(found, process)
		}
	}
	return found
}

type marked struct {
	running
	dir, with string
}

// inspect reads a process's marks; a zombie and another user's process have none.
func inspect(pid int) (marked, bool) {
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil || !bytes.Contains(environment, []byte(markDir)) {
		return marked{}, false
	}
	arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return marked{}, false
	}
	program, _, _ := strings.Cut(string(arguments), "\x00")
	process := marked{running: running{pid: pid, program: filepath.Base(program)}}
	for _, variable := range strings.Split(string(environment), "\x00") {
		for mark, value := range map[string]*string{markDir: &process.dir, markName: &process.name, markPrint: &process.print, markWith: &process.with} {
			if strings.HasPrefix(variable, mark) {
				*value = strings.TrimPrefix(variable, mark)
			}
		}
	}
	return process, true
}

// startOf is when a process began, which tells it from a later one with its pid. It is empty for a process that has ended,
// as a zombie has; one that is ending still holds its ports and mounts.
func startOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name stands in parentheses and may hold anything; state is the first field after it, start time the twentieth.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[19]
}
