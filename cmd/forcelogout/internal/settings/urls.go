package settings

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// checkURLs finds a URL that cannot be read. What nats.go says of it would show it,
// with its password.
func checkURLs(urls string) error {
	if urls == "" {
		return nil
	}
	for i, raw := range strings.Split(urls, ",") {
		if _, err := parseServer(raw); err != nil {
			return fmt.Errorf("--nats: URL %d of the list cannot be read: %w (write special characters of a password as %%40 for @)", i+1, err)
		}
	}
	return nil
}

// parseServer reads a URL as nats.go does. Its error does not show the URL.
func parseServer(raw string) (*url.URL, error) {
	raw = strings.TrimSpace(raw)
	if !strings.Contains(raw, "://") {
		raw = "nats://" + raw
	}
	u, err := url.Parse(raw)
	var parse *url.Error
	switch {
	case errors.As(err, &parse) && strings.Contains(parse.Err.Error(), "invalid port"):
		return nil, errors.New("the port is no number") // it may be half a password
	case errors.As(err, &parse) && strings.Contains(parse.Err.Error(), "invalid URL escape"):
		return nil, errors.New("there is a % that begins no escape")
	case err != nil:
		return nil, errors.New("it is malformed")
	case u.Hostname() == "":
		return nil, errors.New("it has no host")
	}
	return u, nil
}

// redacted hides passwords and tokens in NATS URLs.
func redacted(urls string) string {
	list := strings.Split(urls, ",")
	for i, raw := range list {
		u, err := parseServer(raw)
		switch {
		case err != nil:
			list[i] = "(unreadable URL)"
		case u.User != nil:
			u.User = url.User("xxxxx")
			list[i] = u.String()
		}
	}
	return strings.Join(list, ",")
}
