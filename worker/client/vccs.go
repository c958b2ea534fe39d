package client

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
)

// VCCs are the VCCs that have commands or workers, or had workers. Strays are subjects
// with a name that no VCC can have, each with the number of its messages: no worker takes
// them.
func (c *Client) VCCs(ctx context.Context) (vccs []string, strays map[string]uint64, err error) {
	found, strays := map[string]bool{}, map[string]uint64{}
	consumers, err := c.consumers(ctx)
	if err != nil {
		return nil, nil, err
	}
	for vcc := range consumers {
		found[vcc] = true
	}
	waiting, err := c.subjects(ctx, c.prefix.Commands(messages.AnyToken))
	if err != nil {
		return nil, nil, err
	}
	for subject, n := range waiting {
		vcc := strings.TrimPrefix(subject, c.prefix.Commands(""))
		if messages.ValidateVCC(vcc) != nil {
			strays[subject] = n
			continue
		}
		found[vcc] = true
	}
	if err := c.planned(ctx, found); err != nil {
		return nil, nil, err
	}
	return slices.Sorted(maps.Keys(found)), strays, nil
}

// probes is how many places of the command stream are looked at for VCCs that have
// commands for later and no worker.
const probes = 64

// planned adds the VCCs that have commands for later and nothing else. The server can
// count such commands and cannot tell whose they are. So planned looks at some of them,
// and at all of them where the VCCs that it knows by then do not account for the number.
func (c *Client) planned(ctx context.Context, found map[string]bool) error {
	held := c.prefix.Schedule(messages.AnyToken, messages.AnyToken)
	all, oldest, err := c.count(ctx, c.names.Commands, held)
	if err != nil || all == 0 {
		return err
	}
	if err := c.probe(ctx, oldest.Sequence, held, found); err != nil {
		return err
	}
	counts := make(map[string]uint64, len(found))
	if err := c.eachVCC(ctx, slices.Collect(maps.Keys(found)), func(ctx context.Context, vcc string) (func(), error) {
		n, _, err := c.count(ctx, c.names.Commands, c.prefix.Schedule(vcc, messages.AnyToken))
		return func() { counts[vcc] = n }, err
	}); err != nil {
		return err
	}
	// Some may have gone while they were counted by VCC.
	again, _, err := c.count(ctx, c.names.Commands, held)
	if err != nil {
		return err
	}
	all = min(all, again)
	for _, n := range counts {
		all -= min(all, n)
	}
	if all == 0 {
		return nil
	}
	return c.pass(ctx, c.names.Commands, "", func(msg jetstream.RawStreamMsg) bool {
		c.plannedBy(msg, found)
		return true
	})
}

// probe adds the VCCs of some commands for later, taken from all over the stream.
func (c *Client) probe(ctx context.Context, first uint64, held string, found map[string]bool) error {
	stream, err := c.js.Stream(ctx, c.names.Commands)
	if err != nil {
		return c.explain("reading the stream "+c.names.Commands, err)
	}
	last := max(first, stream.CachedInfo().State.LastSeq)
	for i := range uint64(probes) {
		msg, err := c.next(ctx, c.names.Commands, first+(last-first)/probes*i, held)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		c.plannedBy(msg, found)
	}
	return nil
}

// plannedBy adds the VCC of a message that is a command for later.
func (c *Client) plannedBy(msg jetstream.RawStreamMsg, found map[string]bool) {
	rest, is := strings.CutPrefix(msg.Subject, string(c.prefix)+".schedule.")
	vcc, _, _ := strings.Cut(rest, ".")
	if is && messages.ValidateVCC(vcc) == nil {
		found[vcc] = true
	}
}

// subjects counts the messages of the command stream by subject, as far as the subjects
// match the filter.
func (c *Client) subjects(ctx context.Context, filter string) (map[string]uint64, error) {
	stream, err := c.js.Stream(ctx, c.names.Commands)
	if err != nil {
		return nil, c.explain("reading the stream "+c.names.Commands, err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return nil, c.explain("reading the stream "+c.names.Commands, err)
	}
	return info.State.Subjects, nil
}
