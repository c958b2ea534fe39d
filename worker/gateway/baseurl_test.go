package gateway

import (
	"net/url"
	"testing"
)

// TestParseBase: the URL is taken as it is meant.
func TestParseBase(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://10.1.2.3:8043":                      "https://10.1.2.3:8043",
		"https://10.1.2.3:8043/agentgateway":         "https://10.1.2.3:8043",
		"https://host/proxy/agentgateway/":           "https://host/proxy",
		"https://host/proxy/agentgateway/resource//": "https://host/proxy",
		"https://[::1]:8043/":                        "https://[::1]:8043",
		"https://gate_way:8043":                      "https://gate_way:8043",
		"https://gateway-\u00fc.example:8043":        "https://xn--gateway--e6a.example:8043",
		"https://\u7f51\u5173.example":               "https://xn--d6q013i.example",
	} {
		got, err := parseBase(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if whole := (&url.URL{Scheme: got.Scheme, Host: got.Host, Path: got.Path}).String(); whole != want {
			t.Errorf("%s: %s, want %s", raw, whole, want)
		}
	}
}
