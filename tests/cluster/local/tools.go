// The pinned programs: built once from the Go module proxy into a cache outside the repository.
package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// group is one line of the table tools/versions: programs that are built from one module.
type group struct {
	name, version, module string
	packages              []string
	source                string // folder of its go.mod
	cache                 string // folder of its programs, keyed by version and inputs
}

type tools struct{ groups []group }

// What each tier starts. The cluster's own `pause` and the node's programs come last: they are needed last.
var needs = map[string][]string{
	"api":  {"etcd", "kube-apiserver", "kube-controller-manager", "kubectl"},
	"kwok": {"etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "kube-scheduler", "kwok"},
	"node": {
		"etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "kube-scheduler", "kubelet", "kube-proxy",
		"containerd", "containerd-shim-runc-v2", "ctr", "bridge", "loopback", "host-local", "coredns", "registry", "pause",
	},
}

func readTools(home string) (*tools, error) {
	table, err := os.ReadFile(filepath.Join(home, "tools", "versions"))
	if err != nil {
		return nil, err
	}
	cache, err := cacheFolder()
	if err != nil {
		return nil, err
	}
	t := &tools{}
	for _, line := range strings.Split(string(table), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 4 || strings.HasPrefix(line, "#") {
			continue
		}
		g := group{name: fields[0], version: fields[1], module: fields[2], packages: fields[3:]}
		g.source = filepath.Join(home, "tools", g.name)
		t.groups = append(t.groups, g)
	}
	// pause is ours and stands beside this program; it has no module to pin.
	t.groups = append(t.groups, group{
		name: "pause", version: "v1", module: "stationmaster.test/cluster/local", packages: []string{"pause"},
		source: filepath.Join(home, "local"),
	})
	for i := range t.groups {
		if err := t.groups[i].locate(cache); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func cacheFolder() (string, error) {
	base, err := os.UserCacheDir() // XDG_CACHE_HOME, else ~/.cache
	if err != nil {
		return "", fmt.Errorf("no place for the cache: %w", err)
	}
	return filepath.Join(base, "stationmaster", "cluster"), nil
}

// locate names the group's cache folder after all that decides what its programs are.
func (g *group) locate(cache string) error {
	hash := sha256.New()
	fmt.Fprintln(hash, g.packages, g.arguments("X"), runtime.GOARCH)
	inputs := []string{"go.mod", "go.sum"}
	if g.packages[0] == "main.go" {
		inputs = append(inputs, "main.go")
	}
	if g.name == "pause" {
		inputs = []string{"pause/main.go"}
	}
	for _, name := range inputs {
		text, err := os.ReadFile(filepath.Join(g.source, name))
		if err != nil {
			return err
		}
		hash.Write(text)
		if name == "go.mod" && !strings.Contains(strings.ReplaceAll(string(text), "\n", " "), g.module+" "+g.version+" ") {
			return fmt.Errorf("tools/%s/go.mod does not pin %s %s: run tests/cluster/tools/pin %s", g.name, g.module, g.version, g.name)
		}
	}
	g.cache = filepath.Join(cache, fmt.Sprintf("%s-%s-%x", g.name, g.version, hash.Sum(nil)[:6]))
	return nil
}

// program is what a package is called once it is built.
func (g *group) program(pkg string) string {
	if pkg == "." || pkg == "main.go" {
		return g.name
	}
	return path.Base(pkg)
}

// target is what `go build` is asked for.
func (g *group) target(pkg string) string {
	if pkg == "main.go" {
		return "."
	}
	return path.Join(g.module, pkg)
}

func (g *group) arguments(output string) []string {
	link := "-s -w"
	if g.name == "kubernetes" {
		// Without these the API server says v0.0.0, and clients that compare versions go astray.
		numbers := strings.Split(strings.TrimPrefix(g.version, "v"), ".")
		const variable = " -X k8s.io/component-base/version."
		link += variable + "gitVersion=" + g.version + variable + "gitMajor=" + numbers[0] + variable + "gitMinor=" + numbers[1]
	}
	return []string{"build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", link, "-o", output}
}

// path says where a program is; it is there after build.
func (t *tools) path(program string) string {
	path, known := t.find(program)
	if !known {
		panic("no group builds " + program)
	}
	return path
}

func (t *tools) find(program string) (path string, known bool) {
	for i := range t.groups {
		for _, pkg := range t.groups[i].packages {
			if t.groups[i].program(pkg) == program {
				return filepath.Join(t.groups[i].cache, program), true
			}
		}
	}
	return "", false
}

// print makes one program, where the cache lacks it, and prints its path.
func (t *tools) print(program string) error {
	path, known := t.find(program)
	if !known {
		return fmt.Errorf("no program of the cluster is called %q", program)
	}
	if err := t.ensure(program); err != nil {
		return err
	}
	fmt.Println(path)
	return nil
}

// build makes whatever the tier needs and the cache lacks.
func (t *tools) build(tier string) error {
	tiers := []string{tier}
	if tier == "" || tier == "all" {
		tiers = []string{"api", "node", "kwok"}
	}
	for _, name := range tiers {
		programs, known := needs[name]
		if !known {
			return fmt.Errorf("unknown tier %q: api, kwok or node", name)
		}
		for _, program := range programs {
			if err := t.ensure(program); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tools) ensure(program string) error {
	for i := range t.groups {
		g := &t.groups[i]
		for _, pkg := range g.packages {
			if g.program(pkg) == program && !exists(filepath.Join(g.cache, program)) {
				return withFileLock(g.cache+".lock", "another checkout to build "+g.name, func() error { return g.compile(pkg) })
			}
		}
	}
	return nil
}

// compile builds under a temporary name, so that an interrupted build never leaves half a program.
func (g *group) compile(pkg string) error {
	final := filepath.Join(g.cache, g.program(pkg))
	if exists(final) { // built by another checkout while this one waited for the lock
		return nil
	}
	if err := os.MkdirAll(g.cache, 0o755); err != nil {
		return err
	}
	temporary := filepath.Join(g.cache, "."+g.program(pkg)+".new")
	what := fmt.Sprintf("building %s %s", g.program(pkg), g.version)
	return step(what, func() error {
		command := exec.Command("nice", append(append([]string{"go"}, g.arguments(temporary)...), g.target(pkg))...)
		command.Dir = g.source
		command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
		if output, err := command.CombinedOutput(); err != nil {
			return explainBuild(err, output)
		}
		if err := g.copyExtras(); err != nil {
			return err
		}
		return os.Rename(temporary, final)
	})
}

func explainBuild(err error, output []byte) error {
	if errors.Is(err, exec.ErrNotFound) {
		return errors.New("Go is needed to build the cluster: install it from https://go.dev/dl/, then run this again")
	}
	return fmt.Errorf("%w\n%s", err, output)
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}
