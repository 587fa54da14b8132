// Images that are handed in: OCI archives under a name.
package main

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

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
