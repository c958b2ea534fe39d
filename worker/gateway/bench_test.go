package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkCall is what a call costs over HTTPS, beside the same by an http.Client.
// The gateway is in this process, too.
func BenchmarkCall(b *testing.B) {
	server := httptest.NewTLSServer(http.HandlerFunc(success))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	b.Run("client", func(b *testing.B) {
		c, err := NewClient(Options{URL: server.URL, TLS: TLSFiles{Pins: []string{pinOf(server.Certificate())}}})
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		b.SetParallelism(32)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := c.ForceLogout(b.Context(), Session{Inspector: "1001", GUID: secretGUID}, "30012"); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("http.Client", func(b *testing.B) {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, TLSClientConfig: &tls.Config{RootCAs: roots}}}
		defer client.CloseIdleConnections()
		b.SetParallelism(32)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				resp, err := client.Post(server.URL+basePath+"/qualitycontrol/1001/forcelogout/30012", "application/json; charset=UTF-8", nil)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	})
}
