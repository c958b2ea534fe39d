package gateway

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestProxyRefuses: what a proxy refuses was not sent to the gateway, whether the
// proxy was to make the call or to let it through. The environment is read once in a
// process, so the call is made in another.
func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	if target := os.Getenv("PROXY_TEST_TARGET"); target != "" {
		_, err := clientOf(t, target).ForceLogout(t.Context(), Session{Inspector: "1001", GUID: "guid"}, "30012")
		var unsent *UnsentError
		if !errors.As(err, &unsent) || !strings.Contains(err.Error(), "407") && !strings.Contains(err.Error(), "Proxy Authentication Required") {
			t.Errorf("error %v", err)
		}
		return
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
		_, _ = io.WriteString(w, `{"retcode":"0"}`)
	}))
	defer proxy.Close()
	for _, scheme := range []string{"http", "https"} {
		target := url.URL{Scheme: scheme, Host: "gateway.invalid:8043"}
		test := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxyRefuses$")
		test.Env = append(os.Environ(), "PROXY_TEST_TARGET="+target.String(), "HTTP_PROXY="+proxy.URL, "HTTPS_PROXY="+proxy.URL)
		if out, err := test.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", scheme, err, out)
		}
	}
}
