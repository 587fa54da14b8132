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
	for told := false; ; {
		file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			return err
		}
		if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
			if !told {
				say("waiting for %s", waitingFor)
				told = true
			}
			err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
		}
		if err == nil && isStill(name, file) {
			defer file.Close()
			return do()
		}
		file.Close()
		if err != nil {
			return err
		}
	}
}

// isStill is false when the last holder removed the file while we waited; a third process may have made a new one.
func isStill(name string, file *os.File) bool {
	there, err := os.Stat(name)
	if err != nil {
		return false
	}
	held, err := file.Stat()
	return err == nil && os.SameFile(there, held)
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
