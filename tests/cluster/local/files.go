// Small tools for files: locks between processes, and writes that are seen whole or not at all.
package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// withFileLock runs do while no other process holds the lock; it says so when it has to wait.
func withFileLock(name, waitingFor string, do func() error) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		say("waiting for %s", waitingFor)
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
			return err
		}
	}
	return do()
}

// writeFile replaces a file in one step; readers in other processes see the old text or the new one.
func writeFile(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	temporary := name + ".new"
	if err := os.WriteFile(temporary, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, name)
}

func sortedKeys(values map[string]string) []string {
	return slices.Sorted(maps.Keys(values))
}
