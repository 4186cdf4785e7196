package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// guide is the program that docs/guide/languages.md shows.
func guide() []scenario {
	return []scenario{{"the program of docs/guide/languages.md", func() {
		said := must(exec.Command(filepath.Join(os.Getenv("CONFORMANCE_DIR"), "example")).CombinedOutput())
		require(strings.HasPrefix(string(said), "a token until "), "it printed %s", said)
	}}}
}
