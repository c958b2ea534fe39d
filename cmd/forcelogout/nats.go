package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/natscontext"

	"github.com/forcelogout/forcelogout/messages"
)

// natsFlags are how to reach NATS, and which installation there.
type natsFlags struct {
	NATS    string `name:"nats" env:"FORCELOGOUT_NATS,NATS_URL" default:"nats://127.0.0.1:4222" placeholder:"URL" help:"NATS server, or several separated by commas."`
	Creds   string `env:"FORCELOGOUT_CREDS,NATS_CREDS" placeholder:"FILE" help:"Credentials file."`
	Context string `env:"FORCELOGOUT_CONTEXT,NATS_CONTEXT" placeholder:"NAME" help:"Context of the nats CLI; replaces the other NATS flags."`
	TLSCA   string `name:"tls-ca" placeholder:"FILE" help:"CA of the NATS server."`
	TLSCert string `name:"tls-cert" placeholder:"FILE" help:"Client certificate for NATS."`
	TLSKey  string `name:"tls-key" placeholder:"FILE" help:"Key of the client certificate."`
	Prefix  string `default:"forcelogout" help:"Subject prefix of the installation."`
}

func (f natsFlags) prefix() (messages.Prefix, error) {
	prefix := messages.Prefix(f.Prefix)
	if err := prefix.Validate(); err != nil {
		return "", usage(fmt.Errorf("--%w", err))
	}
	return prefix, nil
}

// connect reaches NATS or ends the command with exitUnreachable. What is lost of
// a connection later comes back by itself.
func (f natsFlags) connect(name string, log *slog.Logger, more ...nats.Option) (*nats.Conn, error) {
	opts, err := f.options(name, log)
	if err != nil {
		return nil, usage(err)
	}
	opts = append(opts, more...)
	if f.Context != "" {
		nc, _, err := natscontext.Connect(f.Context, opts...)
		if err != nil {
			return nil, &exitError{exitUnreachable, fmt.Errorf("NATS context %s: %w", f.Context, err)}
		}
		return nc, nil
	}
	nc, err := nats.Connect(f.NATS, opts...)
	if err != nil {
		return nil, &exitError{exitUnreachable, fmt.Errorf("cannot reach NATS at %s: %w (is the server running? choose another with --nats or NATS_URL)", redacted(f.NATS), err)}
	}
	return nc, nil
}

// connectUntil is connect for who may not want it any more.
func (f natsFlags) connectUntil(ctx context.Context, name string, log *slog.Logger, more ...nats.Option) (*nats.Conn, error) {
	type connected struct {
		nc  *nats.Conn
		err error
	}
	done := make(chan connected, 1)
	go func() {
		nc, err := f.connect(name, log, more...)
		done <- connected{nc, err}
	}()
	select {
	case c := <-done:
		return c.nc, c.err
	case <-ctx.Done():
		go func() {
			if c := <-done; c.nc != nil {
				c.nc.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// waitingMessages is how many a subscription keeps for who reads it. The default of
// nats.go takes half a megabyte for each, of which a worker has three per VCC.
const waitingMessages = 8 << 10

func (f natsFlags) options(name string, log *slog.Logger) ([]nats.Option, error) {
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
	if f.Creds != "" {
		if _, err := os.Stat(f.Creds); err != nil {
			return nil, fmt.Errorf("--creds: %w", err)
		}
		opts = append(opts, nats.UserCredentials(f.Creds))
	}
	if f.TLSCA != "" {
		opts = append(opts, nats.RootCAs(f.TLSCA))
	}
	if (f.TLSCert == "") != (f.TLSKey == "") {
		return nil, errors.New("--tls-cert and --tls-key go together")
	}
	if f.TLSCert != "" {
		opts = append(opts, nats.ClientCert(f.TLSCert, f.TLSKey))
	}
	return opts, nil
}

// target is where NATS is, for people.
func (f natsFlags) target() string {
	if f.Context != "" {
		return "context " + f.Context
	}
	return redacted(f.NATS)
}

// redacted hides passwords and tokens in NATS URLs.
func redacted(urls string) string {
	list := strings.Split(urls, ",")
	for i, raw := range list {
		u, err := url.Parse(strings.TrimSpace(raw))
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
