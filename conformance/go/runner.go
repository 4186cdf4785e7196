package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// A scenario has failed when it panics: must, equal and the like do so.
type scenario struct {
	name string
	run  func()
}

// runAll runs the scenarios in their order, says how each came out, and tells whether all passed.
func runAll(scenarios []scenario) bool {
	passed := true
	for _, scenario := range scenarios {
		if why := failure(scenario.run); why != "" {
			passed = false
			fmt.Printf("FAIL %s: %s\n", scenario.name, why)
		} else {
			fmt.Printf("ok %s\n", scenario.name)
		}
	}
	return passed
}

func end(passed bool) {
	if !passed {
		os.Exit(1)
	}
}

// failure runs a scenario and gives the line and the reason of its failure, or nothing.
func failure(run func()) (why string) {
	defer func() {
		if reason := recover(); reason != nil {
			said := strings.Join(strings.Fields(fmt.Sprint(reason)), " ")
			fmt.Fprintf(os.Stderr, "%s: %s\n", line(), said)
			why = fmt.Sprintf("%s: %.900s", line(), said)
		}
	}()
	run()
	return ""
}

// line is the innermost line of a scenario on the stack.
func line() string {
	callers := make([]uintptr, 32)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	for {
		frame, more := frames.Next()
		name := filepath.Base(frame.File)
		if strings.HasPrefix(frame.Function, "main.") && name != "runner.go" {
			return fmt.Sprintf("%s:%d", name, frame.Line)
		}
		if !more {
			return "nowhere"
		}
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func equal[T comparable](one, other T) {
	if one != other {
		panic(fmt.Sprintf("%v is not %v", one, other))
	}
}

func require(holds bool, format string, values ...any) {
	if !holds {
		panic(fmt.Sprintf(format, values...))
	}
}

// errorOf is the error of a call, without its value.
func errorOf[T any](_ T, err error) error {
	return err
}

// refused fails when there is no error, or one that lacks a part in its text.
func refused(err error, parts ...string) {
	require(err != nil, "it was not refused")
	for _, part := range parts {
		require(strings.Contains(err.Error(), part), "no %q in: %v", part, err)
	}
}

// atOnce fails when the call takes as long as a client that tries again. It pauses first: a workload may
// make twenty requests a second, and clients try a throttled one again.
func atOnce(call func()) {
	time.Sleep(500 * time.Millisecond)
	started := time.Now()
	call()
	require(time.Since(started) < 2*time.Second, "the client tried again: %v", time.Since(started))
}

// eventually calls until the call no longer panics, for five seconds.
func eventually(call func()) {
	for started := time.Now(); time.Since(started) < 5*time.Second; time.Sleep(100 * time.Millisecond) {
		if failure(call) == "" {
			return
		}
	}
	call()
}
