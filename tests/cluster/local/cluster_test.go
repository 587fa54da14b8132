// What can be tried without starting anything. The rest is ../selftest.
package main

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestImageNamesAreReadAsDockerReadsThem(t *testing.T) {
	for name, want := range map[string][3]string{
		"alpine":                              {"docker.io", "library/alpine", "latest"},
		"alpine:3":                            {"docker.io", "library/alpine", "3"},
		"docker.io/alpine":                    {"docker.io", "library/alpine", "latest"},
		"docker.io/library/stationmaster:dev": {"docker.io", "library/stationmaster", "dev"},
		"someone/tool":                        {"docker.io", "someone/tool", "latest"},
		"registry.example/team/tool:1.2":      {"registry.example", "team/tool", "1.2"},
		"localhost/tool":                      {"localhost", "tool", "latest"},
		"127.0.0.1:5000/team/tool:dev":        {"127.0.0.1:5000", "team/tool", "dev"},
	} {
		host, repository, tag := splitName(name)
		if got := [3]string{host, repository, tag}; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestLayersAreTheSameBytesForTheSameFiles(t *testing.T) {
	files := map[string]string{"b": "2", "a": "1", "c": "3"}
	first, err := layer(nil, files)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if again, _ := layer(nil, files); !bytes.Equal(first, again) {
			t.Fatal("two layers of the same files differ")
		}
	}
}

func TestArchivesWithoutAnIndexAreRefused(t *testing.T) {
	name := filepath.Join(t.TempDir(), "image.tar")
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	_ = writer.WriteHeader(&tar.Header{Name: "manifest.json", Mode: 0o644})
	writer.Close()
	if err := os.WriteFile(name, buffer.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := readArchive(name); err == nil {
		t.Fatal("an archive without an index was read")
	}
}

func TestFoldersOfOthersAreNotTaken(t *testing.T) {
	c := cluster{dir: t.TempDir()}
	if err := os.WriteFile(c.path("letter"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := c.open("api"); err == nil {
		t.Fatal("a folder with somebody's letter became a cluster's")
	}
	if err := c.end(false); err != nil || !exists(c.path("letter")) {
		t.Fatal("down removed somebody's letter")
	}
}

func TestAPoorerTierKeepsTheRicher(t *testing.T) {
	c := cluster{dir: t.TempDir()}
	for _, step := range []struct{ ask, want string }{{"", "api"}, {"kwok", "kwok"}, {"api", "kwok"}, {"", "kwok"}} {
		if err := c.open(step.ask); err != nil || c.tier != step.want {
			t.Fatalf("asked for %q: %q, %v; want %q", step.ask, c.tier, err, step.want)
		}
	}
	if err := c.open("node"); err == nil {
		t.Fatal("a simulated node became a real one")
	}
}

func TestTheRegistryIsNotAskedThroughAProxy(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NO_PROXY"} {
		t.Setenv(name, "")
	}
	t.Setenv("HTTPS_PROXY", "http://proxy.example:3128")
	t.Setenv("no_proxy", "near.example")
	found := proxies()
	for _, want := range []string{"HTTPS_PROXY=http://proxy.example:3128", "NO_PROXY=10.244.0.1,near.example"} {
		if !slices.Contains(found, want) {
			t.Errorf("%v lacks %s", found, want)
		}
	}
}
