package client

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var (
	// ErrNotSetUp: the installation's streams do not exist.
	ErrNotSetUp = errors.New("the streams of this installation do not exist")
	// ErrNoJetStream: nobody answers for JetStream. JetStream is switched off for the
	// server or the account, or has no leader yet.
	ErrNoJetStream = errors.New("JetStream does not answer")
	// ErrNoSchedules: the server holds nothing for later.
	ErrNoSchedules = errors.New("NATS has no message schedules here: it is older than 2.12, or the size of the command stream is limited")
	// ErrNoLetter: there is no dead letter with that number.
	ErrNoLetter = errors.New("there is no dead letter with that number")
	// ErrNoResult: the command has no result, or none any more.
	ErrNoResult = errors.New("there is no result of this command")

	// ErrEnded: a command with this id has ended, and an id is done for good then.
	ErrEnded = errors.New("the command has ended already")
	// ErrWithdrawn: a command with this id was withdrawn.
	ErrWithdrawn = errors.New("the command was withdrawn already")
	// ErrTaken: the id stands for another command.
	ErrTaken = errors.New("the id is there already, for another command")
	// ErrUndecided: whether NATS has stored the command is unknown. Handing the same in
	// again settles it.
	ErrUndecided = errors.New("NATS has not said whether it has stored the command")
	// ErrNotSent: the command was not handed to NATS, since others before could not be.
	ErrNotSent = errors.New("not sent")
)

// PermissionError says what this user of NATS may not do.
type PermissionError struct {
	Action  string // publish or subscribe
	Subject string
}

func (e *PermissionError) Error() string {
	return fmt.Sprintf("this user of NATS has no permission to %s to %q", e.Action, e.Subject)
}

var violation = regexp.MustCompile(`(?i)permissions violation for (publish|subscription) to "([^"]+)"`)

// forbidden finds out whether a request may have had no answer because the request, or
// the inbox for its answer, is forbidden: the server tells that to the connection and not
// to the request. An empty subject stands for any.
func forbidden(nc *nats.Conn, subject string) error {
	err := nc.LastError()
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return nil
	}
	found := violation.FindStringSubmatch(err.Error())
	switch {
	case found == nil:
		return err
	case strings.EqualFold(found[1], "subscription"):
		return &PermissionError{"subscribe", found[2]}
	case subject == "" || subject == found[2]:
		return &PermissionError{"publish", found[2]}
	}
	return nil
}

// explain says what was being done, and why it failed where the error alone does not
// tell.
func (c *Client) explain(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, jetstream.ErrBucketNotFound):
		return fmt.Errorf("%s: %w", doing, ErrNotSetUp)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount),
		errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("%s: %w", doing, ErrNoJetStream)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout), errors.Is(err, jetstream.ErrAsyncPublishTimeout):
		if denied := forbidden(c.nc, ""); denied != nil {
			return fmt.Errorf("%s: %w", doing, denied)
		}
		return fmt.Errorf("%s: NATS does not answer: %w", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// lasting reports whether an error will not go away by itself.
func lasting(err error) bool {
	var denied *PermissionError
	return errors.Is(err, ErrNotSetUp) || errors.As(err, &denied) || errors.Is(err, nats.ErrConnectionClosed)
}
