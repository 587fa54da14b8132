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

func digestOf(content []byte) string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256(content))
}
