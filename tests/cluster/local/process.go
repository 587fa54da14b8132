// Long-running processes: started in a session of their own, found again by a mark in their environment, stopped by pid.
package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// component is a process of the cluster.
type component struct {
	name      string
	arguments []string // the first is the program's path
	files     []string // configuration files: a change of their text means a restart
	env       []string
	ports     []int // those of the cluster's that it listens on
}

// ensure starts the component unless it already runs with exactly these arguments and files.
func (c *cluster) ensure(want component) (started bool, err error) {
	print, err := want.fingerprint()
	if err != nil {
		return false, err
	}
	for _, process := range c.processes() {
		if process.name != want.name || process.program != filepath.Base(want.arguments[0]) {
			continue
		}
		if process.print == print {
			return false, c.writePid(want.name, process.pid)
		}
		if err := stop(process, 10*time.Second); err != nil {
			return false, err
		}
	}
	for _, port := range want.ports {
		if !soonFree(port) {
			return false, fmt.Errorf("port %d of %s is in use by somebody else: take the cluster down and up again", port, want.name)
		}
	}
	return true, c.start(want, print)
}

func (want *component) fingerprint() (string, error) {
	hash := sha256.New()
	fmt.Fprintf(hash, "%q %q", want.arguments, want.env)
	for _, name := range want.files {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		hash.Write(text)
	}
	return fmt.Sprintf("%x", hash.Sum(nil)[:8]), nil
}

func (c *cluster) start(want component, print string) error {
	log, err := os.OpenFile(c.path("logs", want.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(want.arguments[0], want.arguments[1:]...)
	command.Dir = c.dir
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// Nothing of the caller's environment: a proxy or a KUBECONFIG there is not meant for the cluster.
	command.Env = append([]string{
		"PATH=" + os.Getenv("PATH") + ":/usr/local/sbin:/usr/sbin:/sbin", "HOME=" + c.dir,
		markDir + c.dir, markName + want.name, markPrint + print, markWith + c.with,
	}, want.env...)
	if len(want.ports) > 0 {
		command.ExtraFiles = c.reservations
	}
	if err := command.Start(); err != nil {
		return err
	}
	pid := command.Process.Pid
	ended := make(chan struct{})
	go func() {
		_ = command.Wait() // so that a death is seen as one, not as a zombie
		close(ended)
	}()
	awaitMarks(pid, ended)
	return c.writePid(want.name, pid)
}

// awaitMarks closes a gap: for a moment within exec a process has no environment yet, and would pass for dead.
func awaitMarks(pid int, ended <-chan struct{}) {
	for {
		if _, ok := inspect(pid); ok {
			return
		}
		select {
		case <-ended:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

func (c *cluster) writePid(name string, pid int) error {
	return writeFile(c.path("pids", name+".pid"), strconv.Itoa(pid)+"\n")
}

// alive says whether the component runs; it is asked while waiting for its readiness.
func (c *cluster) alive(name string) bool {
	for _, process := range c.processes() {
		if process.name == name {
			return true
		}
	}
	return false
}

// stop asks, waits, and then does not ask any more; without patience it does not ask at all.
// The process is looked at again before each signal: its pid may be another's by now.
func stop(process running, patience time.Duration) error {
	if patience > 0 && signalAndWait(process, syscall.SIGTERM, patience) {
		return nil
	}
	if signalAndWait(process, syscall.SIGKILL, time.Minute) {
		return nil
	}
	return fmt.Errorf("%s (pid %d) does not end", process.name, process.pid)
}

func signalAndWait(process running, signal syscall.Signal, patience time.Duration) (ended bool) {
	born := startOf(process.pid)
	if now, ok := inspect(process.pid); !ok || now.running != process {
		return true
	}
	_ = syscall.Kill(process.pid, signal)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if now := startOf(process.pid); now == "" || now != born {
			return true
		}
	}
	return false
}

// closeInheritedFilesOnExec keeps a lock or a pipe of our caller (make's job server, flock(1)) from living on in the components.
func closeInheritedFilesOnExec() {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, entry := range entries {
		if number, err := strconv.Atoi(entry.Name()); err == nil && number > 2 {
			syscall.CloseOnExec(number)
		}
	}
}

// tail is the end of a component's log, for error messages.
func (c *cluster) tail(name string) string {
	text, err := os.ReadFile(c.path("logs", name+".log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
