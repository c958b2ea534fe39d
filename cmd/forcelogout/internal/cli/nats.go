package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/natscontext"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/exit"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/streams"
)

// natsFlags are how to reach NATS, and which installation there. What a flag says goes
// before the environment, that before a context, and that before defaults.
type natsFlags struct {
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

func (f natsFlags) prefix() (messages.Prefix, error) {
	prefix := messages.Prefix(f.Prefix)
	if err := prefix.Validate(); err != nil {
		return "", exit.Misused(fmt.Errorf("--%w", err))
	}
	return prefix, nil
}

// settleNATS applies the order of precedence; explicit tells which flags the command
// line has.
func (f *natsFlags) settleNATS(explicit func(flag string) bool) error {
	if explicit("nats") && explicit("context") {
		return errors.New("--nats and --context: give one of them")
	}
	if explicit("js-domain") && explicit("js-api-prefix") {
		return errors.New("--js-domain and --js-api-prefix: give one of them")
	}
	f.fromEnvironment, f.tokenFromEnvironment = true, true
	switch {
	case explicit("nats"):
		f.Context = "" // the environment's
	case explicit("context"):
		f.forget(explicit)
	}
	return f.oneOf(explicit)
}

// forget drops all that the environment says of the connection: a context was asked
// for, which has that itself.
func (f *natsFlags) forget(explicit func(string) bool) {
	for flag, value := range map[string]*string{
		"nats": &f.NATS, "nats-user": &f.User, "nats-password-file": &f.PasswordIn, "nats-token-file": &f.TokenIn,
		"creds": &f.Creds, "nkey": &f.NKey, "tls-ca": &f.TLSCA, "tls-cert": &f.TLSCert, "tls-key": &f.TLSKey,
		"inbox-prefix": &f.InboxPrefix, "js-domain": &f.JSDomain, "js-api-prefix": &f.JSPrefix,
	} {
		if !explicit(flag) {
			*value = ""
		}
	}
	if !explicit("tls-first") {
		f.TLSFirst = false
	}
	f.fromEnvironment, f.tokenFromEnvironment = false, false
}

// oneOf makes sure that one way is left to say who one is: that of a flag, else the
// environment's.
func (f *natsFlags) oneOf(explicit func(string) bool) error {
	ways := map[string]*string{"creds": &f.Creds, "nkey": &f.NKey, "nats-user": &f.User, "nats-token-file": &f.TokenIn}
	var byFlag, all []string
	for flag, value := range ways {
		if *value != "" {
			all = append(all, "--"+flag)
		}
		if explicit(flag) {
			byFlag = append(byFlag, "--"+flag)
		}
	}
	slices.Sort(all)
	slices.Sort(byFlag)
	switch {
	case len(byFlag) > 1:
		return fmt.Errorf("%s: give one of them", strings.Join(byFlag, ", "))
	case len(byFlag) == 1:
		for flag, value := range ways {
			if "--"+flag != byFlag[0] {
				*value = ""
			}
		}
		f.tokenFromEnvironment = false
	case len(all) > 1:
		return fmt.Errorf("the environment has %s: give one of them", strings.Join(all, ", "))
	}
	for one, other := range map[string]*string{"js-domain": &f.JSPrefix, "js-api-prefix": &f.JSDomain} {
		if explicit(one) {
			*other = ""
		}
	}
	if f.JSDomain != "" && f.JSPrefix != "" {
		return errors.New("--js-domain and --js-api-prefix: give one of them")
	}
	return nil
}

// connect reaches NATS or ends the command with exit.Unreachable. What is lost of
// a connection later comes back by itself.
func (f natsFlags) connect(name string, log *slog.Logger, more ...nats.Option) (*nats.Conn, streams.API, error) {
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

func (f natsFlags) server() string {
	if f.NATS == "" {
		return nats.DefaultURL
	}
	return f.NATS
}

// unreachable says which server did not take the connection, and why. It shows no URL
// as it was given: that may hold a password.
func (f natsFlags) unreachable(err error) error {
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
	return &exit.Error{Code: exit.Unreachable, Err: fmt.Errorf("cannot reach NATS at %s: %w", f.target(), err)}
}

// connectUntil is connect for who may not want it any more.
func (f natsFlags) connectUntil(ctx context.Context, name string, log *slog.Logger, more ...nats.Option) (*nats.Conn, streams.API, error) {
	type connected struct {
		nc  *nats.Conn
		api streams.API
		err error
	}
	done := make(chan connected, 1)
	go func() {
		nc, api, err := f.connect(name, log, more...)
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

// waitingMessages is how many a subscription keeps for who reads it. The default of
// nats.go takes half a megabyte for each, of which a worker has three per VCC.
const waitingMessages = 8 << 10

func (f natsFlags) options(name string, log *slog.Logger) ([]nats.Option, error) {
	if err := checkURLs(f.NATS); err != nil {
		return nil, err
	}
	said := &natsLog{log: log}
	opts := []nats.Option{
		nats.Name("forcelogout " + name),
		nats.Timeout(5 * time.Second),
		nats.MaxReconnects(-1),
		// A server that refuses a sign-in may take it again: passwords are changed on one
		// side first.
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, 500*time.Millisecond),
		nats.PingInterval(10 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.SyncQueueLen(waitingMessages),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				said.warn("disconnected from NATS", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { said.again() }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { said.warn("NATS reports an error", err) }),
	}
	who, err := f.identity()
	if err != nil {
		return nil, err
	}
	tls, err := f.tls()
	if err != nil {
		return nil, err
	}
	opts = append(append(opts, who...), tls...)
	if f.InboxPrefix != "" {
		if strings.ContainsAny(f.InboxPrefix, "*> \t") || strings.HasSuffix(f.InboxPrefix, ".") {
			return nil, fmt.Errorf("--inbox-prefix %q: must be a subject without wildcards", f.InboxPrefix)
		}
		opts = append(opts, nats.CustomInboxPrefix(f.InboxPrefix))
	}
	return opts, nil
}

// identity is who one is, in place of what a context says.
func (f natsFlags) identity() ([]nats.Option, error) {
	password, token := "", ""
	if f.fromEnvironment {
		password = os.Getenv("NATS_PASSWORD")
	}
	if f.tokenFromEnvironment {
		token = os.Getenv("NATS_TOKEN")
	}
	var err error
	if f.PasswordIn != "" {
		if password, err = secretFile("--nats-password-file", f.PasswordIn); err != nil {
			return nil, err
		}
	}
	if f.TokenIn != "" {
		if token, err = secretFile("--nats-token-file", f.TokenIn); err != nil {
			return nil, err
		}
	}
	switch {
	case f.Creds != "":
		if _, err := os.Stat(f.Creds); err != nil {
			return nil, fmt.Errorf("--creds: %w", err)
		}
		return []nats.Option{nobody, nats.UserCredentials(f.Creds)}, nil
	case f.NKey != "":
		key, err := nats.NkeyOptionFromSeed(f.NKey)
		if err != nil {
			return nil, fmt.Errorf("--nkey %s: it holds no seed of an nkey", f.NKey)
		}
		return []nats.Option{nobody, key}, nil
	case f.User != "" && password == "" && f.TokenIn == "":
		return []nats.Option{nobody, nats.Token(f.User)}, nil // as the nats CLI understands it
	case f.User != "":
		return []nats.Option{nobody, nats.UserInfo(f.User, password)}, nil
	case token != "":
		return []nats.Option{nobody, nats.Token(token)}, nil
	}
	return nil, nil
}

// nobody drops who a context says that one is.
func nobody(o *nats.Options) error {
	o.User, o.Password, o.Token, o.Nkey = "", "", "", ""
	o.UserJWT, o.SignatureCB = nil, nil
	return nil
}

func secretFile(flag, name string) (string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	secret := strings.TrimRight(string(data), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("%s %s: it is empty", flag, name)
	}
	return secret, nil
}

func (f natsFlags) tls() ([]nats.Option, error) {
	var opts []nats.Option
	if f.TLSCA != "" {
		opts = append(opts, nats.RootCAs(f.TLSCA))
	}
	if (f.TLSCert == "") != (f.TLSKey == "") {
		return nil, errors.New("--tls-cert and --tls-key go together")
	}
	if f.TLSCert != "" {
		opts = append(opts, nats.ClientCert(f.TLSCert, f.TLSKey))
	}
	if f.TLSFirst {
		opts = append(opts, nats.TLSHandshakeFirst())
	}
	return opts, nil
}

// target is where NATS is, for people.
func (f natsFlags) target() string {
	switch {
	case f.Context != "" && f.NATS != "":
		return redacted(f.NATS) + ", context " + f.Context
	case f.Context != "":
		return "context " + f.Context
	}
	return redacted(f.server())
}

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

// instanceName tells workers apart in results and logs.
func instanceName() string {
	host, err := os.Hostname()
	if err != nil {
		host = filepath.Base(os.Args[0])
	}
	return fmt.Sprintf("%s-%d", host, os.Getpid())
}
