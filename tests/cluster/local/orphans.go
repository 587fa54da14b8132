// Clusters that belong to a process, such as a test's: when it was killed before it could take its cluster down, the next
// command does.
package main

import (
	"errors"
	"fmt"
)

// owner names a process so that a later one with its pid is not taken for it.
func owner(pid int) string {
	if pid == 0 {
		return ""
	}
	return fmt.Sprintf("%d since %s", pid, startOf(pid))
}

// endOrphans ends the clusters whose process has ended.
func endOrphans() error {
	orphans := map[string]bool{}
	for _, process := range allMarked() {
		if process.with != "" && process.with != currentOwner(process.with) {
			orphans[process.dir] = true
		}
	}
	var errs []error
	for dir := range orphans {
		say("taking down %s: the process that it was for has ended", dir)
		errs = append(errs, (&cluster{dir: dir}).endLocked(false))
	}
	return errors.Join(errs...)
}

// currentOwner is what owner says today of the process that was named.
func currentOwner(with string) string {
	var pid int
	if _, err := fmt.Sscanf(with, "%d since", &pid); err != nil {
		return ""
	}
	return owner(pid)
}
