package settings

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// waitingMessages is how many a subscription keeps for who reads it. The default of
// nats.go takes half a megabyte for each, of which a worker has three per VCC.
const waitingMessages = 8 << 10

func (f Connection) options(name string, log *slog.Logger) ([]nats.Option, error) {
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
func (f Connection) identity() ([]nats.Option, error) {
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

func (f Connection) tls() ([]nats.Option, error) {
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
