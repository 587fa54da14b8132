// Images without a registry on the internet: two that are built here, and archives that are handed in.
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"runtime"
	"strings"
)

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
)

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int    `json:"size"`
}

// manifest is an image's or, with manifests instead of layers, an index's.
type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        *descriptor  `json:"config,omitempty"`
	Layers        []descriptor `json:"layers,omitempty"`
	Manifests     []descriptor `json:"manifests,omitempty"`
}

// pushOwnImages makes the registry hold a busybox as alpine:latest, and the image that holds a pod's namespaces.
func (c *cluster) pushOwnImages() error {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	alpine, err := busyboxLayer(busybox)
	if err != nil {
		return err
	}
	pause, err := programLayer("pause", c.tools.path("pause"))
	if err != nil {
		return err
	}
	return errors.Join(
		c.pushLayer("library/alpine", "latest", alpine, object{"Cmd": []string{"/bin/sh"}, "Env": []string{"PATH=/bin:/sbin:/usr/bin:/usr/sbin"}}),
		c.pushLayer("stationmaster/pause", "v1", pause, object{"Entrypoint": []string{"/pause"}}),
	)
}

// busyboxLayer is a root folder with the program and a link for each of its commands.
func busyboxLayer(program string) ([]byte, error) {
	text, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	commands, err := exec.Command(program, "--list-full").Output()
	if err != nil {
		return nil, err
	}
	entries := []tar.Header{
		{Name: "bin/", Mode: 0o755, Typeflag: tar.TypeDir},
		{Name: "etc/", Mode: 0o755, Typeflag: tar.TypeDir},
		{Name: "root/", Mode: 0o700, Typeflag: tar.TypeDir},
		{Name: "sbin/", Mode: 0o755, Typeflag: tar.TypeDir},
		{Name: "tmp/", Mode: 0o1777, Typeflag: tar.TypeDir},
		{Name: "usr/bin/", Mode: 0o755, Typeflag: tar.TypeDir},
		{Name: "usr/sbin/", Mode: 0o755, Typeflag: tar.TypeDir},
	}
	for _, command := range strings.Fields(string(commands)) {
		if command != "bin/busybox" {
			entries = append(entries, tar.Header{Name: command, Typeflag: tar.TypeSymlink, Linkname: "/bin/busybox", Mode: 0o777})
		}
	}
	return layer(entries, map[string]string{
		"bin/busybox": string(text),
		"etc/passwd":  "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
		"etc/group":   "root:x:0:\nnobody:x:65534:\n",
	})
}

func programLayer(name, program string) ([]byte, error) {
	text, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	return layer(nil, map[string]string{name: string(text)})
}

// layer is the same bytes for the same files: no times, a fixed order.
func layer(entries []tar.Header, files map[string]string) ([]byte, error) {
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for _, entry := range entries {
		if err := writer.WriteHeader(&entry); err != nil {
			return nil, err
		}
	}
	for _, name := range sortedKeys(files) {
		header := tar.Header{Name: name, Mode: 0o755, Size: int64(len(files[name])), Typeflag: tar.TypeReg}
		if err := writer.WriteHeader(&header); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(writer, files[name]); err != nil {
			return nil, err
		}
	}
	return buffer.Bytes(), writer.Close()
}

// pushLayer pushes an image of one layer.
func (c *cluster) pushLayer(repository, tag string, layer []byte, config object) error {
	r := registryClient{url: c.registryURL(), repository: repository}
	digest := digestOf(layer)
	configuration, err := json.Marshal(object{
		"architecture": runtime.GOARCH, "os": "linux", "config": config, "rootfs": object{"type": "layers", "diff_ids": []string{digest}},
	})
	if err != nil {
		return err
	}
	image, err := json.Marshal(manifest{
		SchemaVersion: 2, MediaType: manifestType,
		Config: &descriptor{"application/vnd.oci.image.config.v1+json", digestOf(configuration), len(configuration)},
		Layers: []descriptor{{"application/vnd.oci.image.layer.v1.tar", digest, len(layer)}},
	})
	if err != nil {
		return err
	}
	return r.push(manifestType, tag, image, map[string][]byte{digest: layer, digestOf(configuration): configuration})
}

// loadImage pushes an OCI archive under a name, and has the node pull it: pods then get it with any policy.
func (c *cluster) loadImage(archive, name string) error {
	if !c.alive("registry") {
		return fmt.Errorf("no node in %s: run tests/cluster/up first", c.dir)
	}
	if err := c.choosePorts(); err != nil {
		return err
	}
	blobs, index, err := readArchive(archive)
	if err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}
	return step("loading "+name, func() error {
		host, repository, tag := splitName(name)
		if err := c.pushArchive(repository, tag, blobs, index); err != nil {
			return err
		}
		// Otherwise a pod with policy IfNotPresent would go on with an older image of that name.
		return call(c.tools.path("ctr"), "-a", containerdSocket, "-n", "k8s.io", "images", "pull", "--local",
			"--hosts-dir", c.path("config", "certs.d"), "--snapshotter", c.snapshotter(), host+"/"+repository+":"+tag)
	})
}

// pushArchive leaves the host out: the registry is the mirror of all hosts.
func (c *cluster) pushArchive(repository, tag string, blobs map[string][]byte, index *manifest) error {
	r := registryClient{url: c.registryURL(), repository: repository}
	if len(index.Manifests) == 1 {
		only := index.Manifests[0]
		return r.push(only.MediaType, tag, blobs[only.Digest], blobs)
	}
	text, err := json.Marshal(index)
	if err != nil {
		return err
	}
	return r.push(indexType, tag, text, blobs)
}

func readArchive(name string) (map[string][]byte, *manifest, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	blobs, index := map[string][]byte{}, &manifest{}
	for reader := tar.NewReader(file); ; {
		header, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			return nil, nil, err
		}
		if entry := path.Clean(header.Name); entry == "index.json" {
			err = json.Unmarshal(content, index)
		} else if digest, isBlob := strings.CutPrefix(entry, "blobs/sha256/"); isBlob {
			blobs["sha256:"+digest] = content
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if len(index.Manifests) == 0 {
		return nil, nil, errors.New("not an OCI archive (it has no index.json with manifests)")
	}
	index.SchemaVersion, index.MediaType = 2, indexType
	return blobs, index, nil
}

// splitName takes an image's name apart, with Docker's defaults for what it leaves out.
func splitName(name string) (host, repository, tag string) {
	repository, tag = name, "latest"
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		repository, tag = name[:colon], name[colon+1:]
	}
	host, rest, found := strings.Cut(repository, "/")
	if found && (strings.ContainsAny(host, ".:") || host == "localhost") {
		repository = rest
	} else {
		host = "docker.io"
	}
	if host == "docker.io" && !strings.Contains(repository, "/") {
		repository = "library/" + repository
	}
	return host, repository, tag
}

func digestOf(content []byte) string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256(content))
}
