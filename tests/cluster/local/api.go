// A client for the cluster's API server with the little that bringing up a cluster needs.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// object is a Kubernetes manifest.
type object = map[string]any

func (c *cluster) client() (*http.Client, error) {
	config, err := c.clientTLS()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: config, Proxy: nil, DisableKeepAlives: true}
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}, nil
}

// get reads an object into the target, or only asks whether it is there.
func (c *cluster) get(path string, target any) error {
	return c.request(http.MethodGet, path, "", nil, target)
}

// apply is a server-side apply, which creates and updates alike.
func (c *cluster) apply(path string, manifest object) error {
	return c.request(http.MethodPatch, path+"?fieldManager=cluster&force=true", "application/apply-patch+yaml", manifest, nil)
}

func (c *cluster) request(method, path, contentType string, body, target any) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, c.server()+path, content)
	if err != nil {
		return err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %.500s", method, path, response.Status, answer)
	}
	if target == nil {
		return nil
	}
	return json.Unmarshal(answer, target)
}

// expectOK asks a health endpoint.
func expectOK(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}
