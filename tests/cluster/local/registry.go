// The part of the registry's protocol that pushes an image.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

type registryClient struct{ url, repository string }

// direct asks what is on this machine, whatever proxy there is for the rest.
var direct = &http.Client{Transport: &http.Transport{Proxy: nil}}

// push uploads what the manifest names, and the manifest last: the registry refuses one whose parts it lacks.
func (r *registryClient) push(mediaType, tag string, text []byte, blobs map[string][]byte) error {
	if r.has("manifests", tag, mediaType, digestOf(text)) {
		return nil
	}
	var parts manifest
	if err := json.Unmarshal(text, &parts); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	for _, part := range parts.Manifests {
		if err := r.push(part.MediaType, part.Digest, blobs[part.Digest], blobs); err != nil {
			return err
		}
	}
	if parts.Config != nil {
		for _, part := range append(parts.Layers, *parts.Config) {
			if err := r.pushBlob(part.Digest, blobs); err != nil {
				return err
			}
		}
	}
	_, err := r.call(http.MethodPut, r.address("manifests", tag), mediaType, text, http.StatusCreated)
	return err
}

func (r *registryClient) pushBlob(digest string, blobs map[string][]byte) error {
	if r.has("blobs", digest, "", digest) {
		return nil
	}
	content, found := blobs[digest]
	if !found {
		return fmt.Errorf("the archive lacks %s", digest)
	}
	header, err := r.call(http.MethodPost, r.address("blobs", "uploads/"), "", nil, http.StatusAccepted)
	if err != nil {
		return err
	}
	upload, err := url.Parse(header.Get("Location"))
	if err != nil {
		return err
	}
	query := upload.Query()
	query.Set("digest", digest)
	upload.RawQuery = query.Encode()
	_, err = r.call(http.MethodPut, upload.String(), "application/octet-stream", content, http.StatusCreated)
	return err
}

func (r *registryClient) address(kind, name string) string {
	return fmt.Sprintf("%s/v2/%s/%s/%s", r.url, r.repository, kind, name)
}

func (r *registryClient) has(kind, name, accept, digest string) bool {
	request, err := http.NewRequest(http.MethodHead, r.address(kind, name), nil)
	if err != nil {
		return false
	}
	request.Header.Set("Accept", accept)
	response, err := direct.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK && response.Header.Get("Docker-Content-Digest") == digest
}

func (r *registryClient) call(method, address, contentType string, body []byte, want int) (http.Header, error) {
	request, err := http.NewRequest(method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", contentType)
	response, err := direct.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != want {
		answer, _ := io.ReadAll(io.LimitReader(response.Body, 500))
		return nil, fmt.Errorf("%s %s: %s: %s", method, address, response.Status, answer)
	}
	return response.Header, nil
}
