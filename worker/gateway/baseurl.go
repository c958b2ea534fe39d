package gateway

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// parseBase takes a gateway's URL as people give it, also with the first parts of
// the resources' path at its end.
func parseBase(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, errors.New("no gateway URL: give one like https://HOST:8043")
	}
	base, err := url.Parse(raw)
	if err != nil || base.Hostname() == "" || (base.Scheme != "https" && base.Scheme != "http") {
		shown := raw
		if strings.Contains(raw, "@") {
			shown = "(not shown, it may hold a password)"
		}
		return nil, fmt.Errorf("gateway URL %q: want http(s)://HOST[:PORT], for example https://10.1.2.3:8043", shown)
	}
	if base.User != nil || base.RawQuery != "" || base.ForceQuery || base.Fragment != "" {
		return nil, errors.New("gateway URL: leave out user, query and fragment; want http(s)://HOST[:PORT]")
	}
	if base.Host, err = asciiHost(base); err != nil {
		return nil, err
	}
	// Only at the end: a path in front of it is a proxy's.
	path := strings.TrimRight(base.Path, "/")
	path = strings.TrimSuffix(path, basePath)
	path = strings.TrimSuffix(path, rootPath)
	if strings.Contains(path, rootPath+"/") {
		return nil, fmt.Errorf("gateway URL %q: leave out what comes behind %s", raw, rootPath)
	}
	base.Path, base.RawPath = path, ""
	return base, nil
}

// asciiHost is the host and port with an international name in its ASCII form.
func asciiHost(base *url.URL) (string, error) {
	host := base.Hostname()
	if isASCII(host) {
		return base.Host, nil
	}
	name, err := idna.Lookup.ToASCII(host)
	if err != nil {
		return "", fmt.Errorf("gateway URL: %q is no host name: %w", host, err)
	}
	if port := base.Port(); port != "" {
		return net.JoinHostPort(name, port), nil
	}
	return name, nil
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > '~' }) < 0
}
