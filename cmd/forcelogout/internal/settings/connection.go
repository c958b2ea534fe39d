package settings

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/natscontext"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// Connection is how to reach NATS, and which installation there. What a flag says goes
// before the environment, that before a context, and that before defaults.
type Connection struct {
	NATS        string `name:"nats" env:"FORCELOGOUT_NATS,NATS_URL" placeholder:"URL" help:"NATS server, or several separated by commas (default: nats://127.0.0.1:4222)."`
	Context     string `env:"FORCELOGOUT_CONTEXT,NATS_CONTEXT" placeholder:"NAME" help:"Context of the nats CLI, for all that no flag says."`
	User        string `name:"nats-user" env:"FORCELOGOUT_NATS_USER,NATS_USER" placeholder:"NAME" help:"User; the password comes from NATS_PASSWORD or --nats-password-file."`
	PasswordIn  string `name:"nats-password-file" placeholder:"FILE" help:"File with the user's password."`
	TokenIn     string `name:"nats-token-file" placeholder:"FILE" help:"File with a token. Or set NATS_TOKEN."`
	Creds       string `env:"FORCELOGOUT_CREDS,NATS_CREDS" placeholder:"FILE" help:"Credentials file."`
	NKey        string `name:"nkey" env:"FORCELOGOUT_NKEY,NATS_NKEY" placeholder:"FILE" help:"File with the seed of an nkey."`
	TLSCA       string `name:"tls-ca" env:"FORCELOGOUT_TLS_CA,NATS_CA" placeholder:"FILE" help:"CA of the NATS server."`
	TLSCert     string `name:"tls-cert" env:"FORCELOGOUT_TLS_CERT,NATS_CERT" placeholder:"FILE" help:"Client certificate for NATS."`
	TLSKey      string `name:"tls-key" env:"FORCELOGOUT_TLS_KEY,NATS_KEY" placeholder:"FILE" help:"Key of the client certificate."`
	TLSFirst    bool   `name:"tls-first" env:"FORCELOGOUT_TLS_FIRST,NATS_TLS_FIRST" help:"TLS before the server says anything."`
	InboxPrefix string `name:"inbox-prefix" env:"FORCELOGOUT_INBOX_PREFIX,NATS_INBOX_PREFIX" placeholder:"SUBJECT" help:"Where answers come: that of your role, for example _INBOX.publisher."`
	JSDomain    string `name:"js-domain" env:"FORCELOGOUT_JS_DOMAIN,NATS_JS_DOMAIN" placeholder:"NAME" help:"JetStream domain, for example behind a leaf node."`
	JSPrefix    string `name:"js-api-prefix" env:"FORCELOGOUT_JS_API_PREFIX,NATS_JS_API_PREFIX" placeholder:"SUBJECT" help:"Prefix of the JetStream API, in place of a domain."`
	Prefix      string `default:"forcelogout" help:"Subject prefix of the installation."`

	// Whether NATS_PASSWORD and NATS_TOKEN count. A zero value has no environment.
	fromEnvironment, tokenFromEnvironment bool
}

// ValidPrefix is the installation's, if it can be one.
func (f Connection) ValidPrefix() (messages.Prefix, error) {
	prefix := messages.Prefix(f.Prefix)
	if err := prefix.Validate(); err != nil {
		return "", exit.Misused(fmt.Errorf("--%w", err))
	}
	return prefix, nil
}

// Connect reaches NATS or ends the command with exit.Unreachable. A
// connection that is lost later is made again by itself.
func (f Connection) Connect(name string, log *slog.Logger, more ...nats.Option) (*nats.Conn, streams.API, error) {
	api := streams.API{Domain: f.JSDomain, Prefix: f.JSPrefix}
	opts, err := f.options(name, log)
	if err != nil {
		return nil, api, exit.Misused(err)
	}
	opts = append(opts, more...)
	if f.Context == "" {
		nc, err := nats.Connect(f.server(), opts...)
		return nc, api, f.unreachable(err)
	}
	if f.NATS != "" {
		opts = append(opts, func(o *nats.Options) error {
			o.Servers = strings.Split(f.NATS, ",")
			return nil
		})
	}
	nc, settings, err := natscontext.Connect(f.Context, opts...)
	if err != nil {
		return nil, api, f.unreachable(err)
	}
	if api == (streams.API{}) {
		if api.Domain = settings.JSDomain; api.Domain == "" {
			api.Prefix = settings.JSAPIPrefix
		}
	}
	return nc, api, nil
}

func (f Connection) server() string {
	if f.NATS == "" {
		return nats.DefaultURL
	}
	return f.NATS
}

// unreachable says which server did not take the connection, and why. It shows no URL
// as it was given: that may hold a password.
func (f Connection) unreachable(err error) error {
	var parse *url.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &parse):
		err = fmt.Errorf("its URL cannot be read: %w", parse.Err)
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired):
		err = fmt.Errorf("it refuses this user: %w (is the password, token or credentials file right?)", err)
	case errors.Is(err, nats.ErrNoServers):
		err = fmt.Errorf("%w (is the server running? choose another with --nats, NATS_URL or --context)", err)
	}
	return &exit.Error{Code: exit.Unreachable, Err: fmt.Errorf("cannot reach NATS at %s: %w", f.Target(), err)}
}

// ConnectUntil is Connect for who may not want it any more.
func (f Connection) ConnectUntil(ctx context.Context, name string, log *slog.Logger, more ...nats.Option) (*nats.Conn, streams.API, error) {
	type connected struct {
		nc  *nats.Conn
		api streams.API
		err error
	}
	done := make(chan connected, 1)
	go func() {
		nc, api, err := f.Connect(name, log, more...)
		done <- connected{nc, api, err}
	}()
	select {
	case c := <-done:
		return c.nc, c.api, c.err
	case <-ctx.Done():
		go func() {
			if c := <-done; c.nc != nil {
				c.nc.Close()
			}
		}()
		return nil, streams.API{}, ctx.Err()
	}
}

// Target is where NATS is, for people.
func (f Connection) Target() string {
	switch {
	case f.Context != "" && f.NATS != "":
		return redacted(f.NATS) + ", context " + f.Context
	case f.Context != "":
		return "context " + f.Context
	}
	return redacted(f.server())
}
