package sim

import (
	"io"
	"net/http"
	"strconv"
	"testing"
)

// BenchmarkForceLogout: calls over HTTP, client included.
func BenchmarkForceLogout(b *testing.B) {
	g := New(Config{AbsentRetcode: "0"})
	g.GiveSession(inspectorNo, guid)
	server, err := Listen(g, "127.0.0.1:0", false)
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	defer client.CloseIdleConnections()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for i := 30001; pb.Next(); i++ {
			req, _ := http.NewRequest(http.MethodPost, server.URL+forceLogoutPath(inspectorNo, strconv.Itoa(i)), nil)
			req.Header.Set("Guid", guid)
			resp, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
}
