// What the person in front of the terminal sees: one line a step, with how long it took.
package main

import (
	"fmt"
	"os"
	"time"
)

// step says what is being done before it is done, and how long it took after.
func step(what string, do func() error) error {
	started := time.Now()
	fmt.Fprintf(os.Stderr, "%s … ", what)
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "failed")
		return fmt.Errorf("%s: %w", what, err)
	}
	fmt.Fprintln(os.Stderr, seconds(time.Since(started)))
	return nil
}

func say(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
}

func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
