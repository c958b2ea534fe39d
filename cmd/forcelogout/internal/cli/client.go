package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/console"
	"github.com/forcelogout/forcelogout/cmd/forcelogout/internal/settings"
	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/client"
)

// clientFlags are what commands share that only talk to NATS.
type clientFlags struct {
	settings.Connection
	settings.Log
}

// open connects as the named command. The caller closes.
func (f clientFlags) open(name string, std console.IO) (cl *client.Client, closeAll func(), err error) {
	prefix, err := f.ValidPrefix()
	if err != nil {
		return nil, nil, err
	}
	log, err := f.Logger(std.Err)
	if err != nil {
		return nil, nil, err
	}
	nc, api, err := f.Connect(name, log)
	if err != nil {
		return nil, nil, err
	}
	if cl, err = client.NewAt(nc, prefix, api); err != nil {
		nc.Close()
		return nil, nil, err
	}
	return cl, nc.Close, nil
}

// with connects as the named command, and does something with the client.
func (f clientFlags) with(name string, std console.IO, do func(*client.Client) error) error {
	cl, closeAll, err := f.open(name, std)
	if err != nil {
		return err
	}
	defer closeAll()
	return do(cl)
}

// optionalVCC checks a --vcc that may be left out.
func optionalVCC(vcc string) error {
	if vcc == "" {
		return nil
	}
	return settings.Named("vcc", messages.ValidateVCC(vcc))
}

// explained adds to an error what to change, in the words of the command line.
func explained(err error) error {
	hint := ""
	var denied *client.PermissionError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, client.ErrNotSetUp):
		hint = "run forcelogout setup, or start a worker; --prefix and --js-domain choose another installation"
	case errors.Is(err, client.ErrNoJetStream):
		hint = "start nats-server with -js and enable JetStream for the account, or wait for the election of a leader; --js-domain where it is behind a leaf node"
	case errors.Is(err, client.ErrNoSchedules):
		hint = "use --not-before, with which the command waits in the command stream"
	case errors.Is(err, client.ErrNoLetter):
		hint = "see forcelogout dead ls"
	case errors.As(err, &denied) && denied.Action == "subscribe" && strings.HasPrefix(denied.Subject, "_INBOX"):
		hint = "where the user has an inbox prefix of their own, give it with --inbox-prefix or NATS_INBOX_PREFIX"
	case errors.As(err, &denied):
		hint = "deploy/nats/permissions.conf has what each role needs"
	default:
		return err
	}
	return fmt.Errorf("%w (%s)", err, hint)
}
