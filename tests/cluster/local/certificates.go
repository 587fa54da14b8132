// The cluster's certificate authority, the certificates that it signs, and the kubeconfigs that carry them.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Clients of the API server: who they are, and the groups that give them their rights.
var clients = map[string]pkix.Name{
	"admin":                   {CommonName: "stationmaster-admin", Organization: []string{"system:masters"}},
	"kube-controller-manager": {CommonName: "system:kube-controller-manager"},
	"kube-scheduler":          {CommonName: "system:kube-scheduler"},
	"kube-proxy":              {CommonName: "system:kube-proxy"},
	"kubelet":                 {CommonName: "system:node:" + nodeName, Organization: []string{"system:nodes"}},
	"kubelet-client":          {CommonName: "kube-apiserver-kubelet-client", Organization: []string{"system:masters"}},
}

// Servers answer on the loopback address in every tier and on the bridge's in tier node.
var serverNames = []string{
	"127.0.0.1", "localhost", bridgeAddress, firstServiceAddress, nodeName,
	"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	folder      string
}

// certificates makes the folder certs unless it is there; it appears whole or not at all.
func (c *cluster) certificates() error {
	if exists(c.path("certs")) {
		return nil
	}
	folder := c.path("certs.new")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	ca, err := newAuthority(folder)
	if err != nil {
		return err
	}
	for name, subject := range clients {
		if err := ca.issue(name, subject, x509.ExtKeyUsageClientAuth); err != nil {
			return err
		}
	}
	for _, name := range []string{"apiserver", "kubelet-server"} {
		if err := ca.issue(name, pkix.Name{CommonName: name}, x509.ExtKeyUsageServerAuth); err != nil {
			return err
		}
	}
	// Service account tokens are signed with a key of their own.
	key, err := newKey(folder, "service-accounts")
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(folder, "service-accounts.pub"), "PUBLIC KEY", public); err != nil {
		return err
	}
	return os.Rename(folder, c.path("certs"))
}

func newAuthority(folder string) (*authority, error) {
	key, err := newKey(folder, "ca")
	if err != nil {
		return nil, err
	}
	template := template(pkix.Name{CommonName: "stationmaster-cluster"})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	if err := writePEM(filepath.Join(folder, "ca.crt"), "CERTIFICATE", der); err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &authority{certificate, key, folder}, err
}

func (ca *authority) issue(name string, subject pkix.Name, usage x509.ExtKeyUsage) error {
	key, err := newKey(ca.folder, name)
	if err != nil {
		return err
	}
	template := template(subject)
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{usage}
	if usage == x509.ExtKeyUsageServerAuth {
		for _, host := range serverNames {
			if address := net.ParseIP(host); address != nil {
				template.IPAddresses = append(template.IPAddresses, address)
			} else {
				template.DNSNames = append(template.DNSNames, host)
			}
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, &key.PublicKey, ca.key)
	if err != nil {
		return err
	}
	return writePEM(filepath.Join(ca.folder, name+".crt"), "CERTIFICATE", der)
}

// template is valid for ten years: a cluster's folder may be taken up again at any time.
func template(subject pkix.Name) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	now := time.Now()
	return &x509.Certificate{SerialNumber: serial, Subject: subject, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0)}
}

func newKey(folder, name string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEM(filepath.Join(folder, name+".key"), "EC PRIVATE KEY", der)
}

func writePEM(name, kind string, der []byte) error {
	return writeFile(name, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}

// kubeconfig writes a self-contained one: it can be copied away from the folder.
func (c *cluster) kubeconfig(name, client string) error {
	var data [3]string
	for i, file := range []string{"ca.crt", client + ".crt", client + ".key"} {
		text, err := os.ReadFile(c.path("certs", file))
		if err != nil {
			return err
		}
		data[i] = base64.StdEncoding.EncodeToString(text)
	}
	return writeFile(name, fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: stationmaster
contexts:
- name: stationmaster
  context: {cluster: stationmaster, user: %[1]s}
clusters:
- name: stationmaster
  cluster:
    server: %[2]s
    certificate-authority-data: %[3]s
users:
- name: %[1]s
  user:
    client-certificate-data: %[4]s
    client-key-data: %[5]s
`, client, c.server(), data[0], data[1], data[2]))
}

// clientTLS is how this program itself talks to the API server and the kubelet.
func (c *cluster) clientTLS() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(c.path("certs", "admin.crt"), c.path("certs", "admin.key"))
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(c.path("certs", "ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool}, nil
}
