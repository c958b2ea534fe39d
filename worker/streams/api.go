package streams

import (
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// API is where JetStream is asked. The zero value is the account's own; with a domain
// or a prefix it may be beyond a leaf node or in another account. At most one is set.
type API struct {
	Domain string
	Prefix string
}

// JetStream returns a client that asks there.
func (a API) JetStream(nc *nats.Conn, opts ...jetstream.JetStreamOpt) (jetstream.JetStream, error) {
	switch {
	case a.Domain != "":
		return jetstream.NewWithDomain(nc, a.Domain, opts...)
	case a.Prefix != "":
		return jetstream.NewWithAPIPrefix(nc, a.Prefix, opts...)
	}
	return jetstream.New(nc, opts...)
}

// APISubject is the subject of a request that jetstream has no method for.
func APISubject(js jetstream.JetStream, request string) string {
	o := js.Options()
	switch {
	case o.Domain != "":
		return "$JS." + o.Domain + ".API." + request
	case o.APIPrefix != "":
		return strings.TrimSuffix(o.APIPrefix, ".") + "." + request
	}
	return jetstream.DefaultAPIPrefix + request
}
