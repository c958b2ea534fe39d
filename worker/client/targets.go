package client

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
)

// targets finds the commands that are meant. With an error it returns those that it has
// found so far.
func (w *withdrawing) targets(ctx context.Context, which Selection) ([]*open, error) {
	if len(which.IDs) == 0 {
		return w.search(ctx, which)
	}
	var all []*open
	seen := make(map[string]bool, len(which.IDs))
	for _, id := range which.IDs {
		if err := messages.ValidateID(id); err != nil {
			return nil, err
		}
		if !seen[id] {
			seen[id] = true
			all = append(all, &open{id: id, unknown: true})
		}
	}
	unseen, err := w.untraced(ctx, all)
	if err != nil {
		return all, err
	}
	return all, w.insist(ctx, func() error { return w.locate(ctx, unseen) })
}

// untraced are those of the commands that leave no trace under their id. Others do: one
// that NATS holds, one that a worker has handed back, and one that has ended.
func (w *withdrawing) untraced(ctx context.Context, all []*open) ([]*open, error) {
	var unseen []*open
	for some := range slices.Chunk(all, chunk) {
		var found map[key]*facts
		err := w.insist(ctx, func() (err error) {
			found, err = w.look(ctx, w.ask(some))
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, o := range some {
			if f := found[key{w.vcc, o.id}]; f.result == nil && f.held == nil && f.note.Sequence == 0 {
				unseen = append(unseen, o)
			}
		}
	}
	return unseen, nil
}

func (w *withdrawing) ask(all []*open) []target {
	targets := make([]target, len(all))
	for i, o := range all {
		targets[i] = target{key{w.vcc, o.id}, o.workNo}
	}
	return targets
}

// locate finds, among the messages that wait for workers, commands that have no other
// trace: no worker has had them, or their time has just come.
func (w *withdrawing) locate(ctx context.Context, all []*open) error {
	if len(all) == 0 {
		return nil
	}
	wanted := make(map[string]*open, len(all))
	for _, o := range all {
		wanted[o.id] = o
	}
	err := w.waiting(ctx, func(command messages.Command, msg jetstream.RawStreamMsg) bool {
		// Where an id has several messages, workers execute the oldest.
		if o := wanted[command.ID]; o != nil {
			o.found(command, msg.Sequence, msg.Time)
			delete(wanted, command.ID)
		}
		return len(wanted) > 0
	})
	for _, o := range all {
		o.sought = err == nil
	}
	return err
}

// waiting calls do for the commands that wait for workers, the oldest first.
func (w *withdrawing) waiting(ctx context.Context, do func(messages.Command, jetstream.RawStreamMsg) bool) error {
	subject := w.prefix.Commands(w.vcc)
	if n, _, err := w.count(ctx, w.names.Commands, subject); err != nil || n == 0 {
		return err
	}
	return w.pass(ctx, w.names.Commands, subject, func(msg jetstream.RawStreamMsg) bool {
		command, err := messages.DecodeCommand(msg.Data)
		return err != nil || do(command, msg)
	})
}

// search finds open commands by what they are. It reads first those that NATS holds and
// then those that wait for workers, so that a command whose time comes meanwhile is met.
func (w *withdrawing) search(ctx context.Context, which Selection) ([]*open, error) {
	var found finds
	var failed error
	err := w.payloads(ctx, w.names.Commands, w.prefix.Schedule(w.vcc, messages.AnyToken), func(data []byte) {
		if failed != nil || !which.mayMatch(data) {
			return
		}
		command, err := messages.DecodeCommand(data)
		if err != nil {
			return
		}
		due := command.NotBefore
		if due.IsZero() && which.dated() {
			due, failed = w.heldUntil(ctx, command.ID)
		}
		if which.Matches(command, due) {
			found.add(command, 0, time.Time{})
		}
	})
	if err = errors.Join(err, failed); err != nil {
		return found.all, err
	}
	err = w.waiting(ctx, func(command messages.Command, msg jetstream.RawStreamMsg) bool {
		due := command.NotBefore
		if due.IsZero() {
			due = msg.Time
		}
		if which.Matches(command, due) {
			found.add(command, msg.Sequence, msg.Time)
		}
		return true
	})
	return found.all, err
}

// finds are the commands that a search has found, each id once.
type finds struct {
	all  []*open
	byID map[string]*open
}

func (f *finds) add(command messages.Command, seq uint64, stored time.Time) {
	o := f.byID[command.ID]
	if o == nil {
		if f.byID == nil {
			f.byID = map[string]*open{}
		}
		o = &open{id: command.ID}
		f.byID[command.ID] = o
		f.all = append(f.all, o)
	}
	o.found(command, seq, stored)
}

// heldUntil is when NATS hands over a command that does not say its time itself.
func (w *withdrawing) heldUntil(ctx context.Context, id string) (time.Time, error) {
	msg, err := w.next(ctx, w.names.Commands, 1, w.prefix.Schedule(w.vcc, id))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return time.Time{}, nil // its time has come meanwhile
	}
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339, strings.TrimPrefix(msg.Header.Get(jetstream.ScheduleHeader), "@at "))
	if err != nil {
		return msg.Time, nil // a schedule of another kind
	}
	return at, nil
}
