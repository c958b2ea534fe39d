package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/forcelogout/forcelogout/messages"
)

// Status is how the commands of one VCC stand. Numbers are taken one after the
// other, so that under way they need not add up.
type Status struct {
	VCC       string                  `json:"vcc"`
	Scheduled uint64                  `json:"scheduled"` // planned: the server holds them for later
	Waiting   uint64                  `json:"waiting"`   // for a worker
	Parked    uint64                  `json:"parked"`    // handed back: they wait for their time or a retry
	InFlight  int                     `json:"inFlight"`  // gateway calls under way
	Done      uint64                  `json:"done"`      // results in the stream
	OldestAge time.Duration           `json:"-"`         // of the oldest command that has come to its time; 0 for none
	Sessions  int                     `json:"sessions"`  // inspectors with a usable session, at the worker that has most
	Gateway   string                  `json:"gateway"`   // messages.GatewayUp or GatewayDown where any worker finds it so; "" without workers
	Paused    bool                    `json:"paused"`    // an operator has stopped the taking of commands
	Workers   []messages.WorkerStatus `json:"workers"`
}

const (
	// answerTime is how long workers have to answer, and quietTime how long after the
	// last answer no more is waited for.
	answerTime = 1500 * time.Millisecond
	quietTime  = 500 * time.Millisecond
	// together is how many questions about VCCs are put to the server at a time.
	together = 32
)

// VCCs are those that have commands or workers, or had workers. Strays are subjects on
// which commands lie that no worker takes, since no VCC can have the name, with their
// number.
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
// count these and cannot tell whose they are, so that some are looked at, and all where
// these are not of all VCCs.
func (c *Client) planned(ctx context.Context, found map[string]bool) error {
	held := c.prefix.Schedule(messages.AnyToken, messages.AnyToken)
	all, oldest, err := c.count(ctx, c.names.Commands, held)
	if err != nil || all == 0 {
		return err
	}
	if err := c.probe(ctx, oldest.seq, held, found); err != nil {
		return err
	}
	counts := make(map[string]uint64, len(found))
	if err := c.eachVCC(ctx, slices.Collect(maps.Keys(found)), func(ctx context.Context, vcc string) (func(), error) {
		n, _, err := c.count(ctx, c.names.Commands, c.prefix.Schedule(vcc, messages.AnyToken))
		return func() { counts[vcc] = n }, err
	}); err != nil {
		return err
	}
	// Commands come and go meanwhile.
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
	return c.pass(ctx, c.names.Commands, func(msg stored) bool {
		c.plannedBy(msg, found)
		return true
	})
}

func (c *Client) probe(ctx context.Context, first uint64, held string, found map[string]bool) error {
	stream, err := c.js.Stream(ctx, c.names.Commands)
	if err != nil {
		return c.explain("reading the stream "+c.names.Commands, err)
	}
	last := max(first, stream.CachedInfo().State.LastSeq)
	for i := range uint64(probes) {
		msg, err := c.next(ctx, c.names.Commands, first+(last-first)/probes*i, held)
		if errors.Is(err, errNoMessage) {
			return nil
		}
		if err != nil {
			return err
		}
		c.plannedBy(msg, found)
	}
	return nil
}

// plannedBy adds the VCC of a command for later.
func (c *Client) plannedBy(msg stored, found map[string]bool) {
	rest, is := strings.CutPrefix(msg.subject, string(c.prefix)+".schedule.")
	vcc, _, _ := strings.Cut(rest, ".")
	if is && messages.ValidateVCC(vcc) == nil {
		found[vcc] = true
	}
}

// Statuses asks the server and all workers how VCCs stand, at once.
func (c *Client) Statuses(ctx context.Context, vccs []string) ([]Status, error) {
	for _, vcc := range vccs {
		if err := messages.ValidateVCC(vcc); err != nil {
			return nil, err
		}
	}
	all := make([]Status, len(vccs))
	at := make(map[string]*Status, len(vccs))
	for i, vcc := range vccs {
		all[i] = Status{VCC: vcc, Workers: []messages.WorkerStatus{}}
		at[vcc] = &all[i]
	}
	var workers map[string][]messages.WorkerStatus
	var consumers map[string]*jetstream.ConsumerInfo
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { workers, err = c.workers(ctx, vccs); return err })
	group.Go(func() (err error) { consumers, err = c.consumers(ctx); return err })
	group.Go(func() error {
		return c.eachVCC(ctx, vccs, func(ctx context.Context, vcc string) (func(), error) { return c.counts(ctx, at[vcc]) })
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i := range all {
		all[i].add(consumers[all[i].VCC], workers[all[i].VCC])
	}
	return all, nil
}

// counts counts what the streams have of a VCC.
func (c *Client) counts(ctx context.Context, s *Status) (apply func(), err error) {
	scheduled, _, err := c.count(ctx, c.names.Commands, c.prefix.Schedule(s.VCC, messages.AnyToken))
	if err != nil {
		return nil, err
	}
	waiting, oldest, err := c.count(ctx, c.names.Commands, c.prefix.Commands(s.VCC))
	if err != nil {
		return nil, err
	}
	done, _, err := c.count(ctx, c.names.Results, c.prefix.Result(s.VCC, messages.AnyToken, messages.AnyToken))
	if err != nil {
		return nil, err
	}
	return func() {
		s.Scheduled, s.Waiting, s.Done = scheduled, waiting, done
		if waiting == 0 {
			return
		}
		due := oldest.at
		if command, err := messages.DecodeCommand(oldest.data); err == nil && command.NotBefore.After(due) {
			due = command.NotBefore
		}
		s.OldestAge = max(0, time.Since(due))
	}, nil
}

// add takes in what the workers and their consumer say.
func (s *Status) add(consumer *jetstream.ConsumerInfo, workers []messages.WorkerStatus) {
	if workers != nil {
		s.Workers = workers
	}
	var out uint64
	if consumer != nil {
		s.Waiting, out, s.Paused = consumer.NumPending, uint64(consumer.NumAckPending), consumer.Paused
	}
	for _, w := range s.Workers {
		s.InFlight += w.InFlight
		s.Parked += uint64(w.Parked)
		s.Sessions = max(s.Sessions, w.Usable)
		if s.Gateway != messages.GatewayDown {
			s.Gateway = w.Gateway
		}
		// What is out and in no worker's hand waits on the server.
		out -= min(out, uint64(w.InHand))
	}
	s.Parked += out
}

// eachVCC asks about VCCs, several at a time, and applies the answers one by one.
func (c *Client) eachVCC(ctx context.Context, vccs []string, ask func(context.Context, string) (func(), error)) error {
	applies := make([]func(), len(vccs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(together)
	for i, vcc := range vccs {
		group.Go(func() (err error) {
			applies[i], err = ask(ctx, vcc)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, apply := range applies {
		apply()
	}
	return nil
}

// workers asks those of all VCCs, and takes the answers that come in time.
func (c *Client) workers(ctx context.Context, vccs []string) (map[string][]messages.WorkerStatus, error) {
	inbox := c.nc.NewInbox()
	sub, err := c.nc.SubscribeSync(inbox + ".*")
	if err != nil {
		return nil, fmt.Errorf("asking the workers: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	for _, vcc := range vccs {
		if err := c.nc.PublishRequest(c.prefix.Status(vcc), inbox+"."+vcc, nil); err != nil {
			return nil, fmt.Errorf("asking the workers: %w", err)
		}
	}
	if err := c.nc.FlushWithContext(ctx); err != nil {
		return nil, fmt.Errorf("asking the workers: %w", err)
	}
	all := map[string][]messages.WorkerStatus{}
	for end, silent := time.Now().Add(answerTime), 0; silent < len(vccs); {
		m, err := sub.NextMsg(min(quietTime, time.Until(end)))
		if err != nil {
			break // in time, or nobody is there
		}
		if m.Header.Get("Status") == "503" {
			silent++ // nobody is there for one
			continue
		}
		vcc := strings.TrimPrefix(m.Subject, inbox+".")
		if w, err := messages.DecodeWorkerStatus(m.Data); err == nil && w.Worker != "" {
			all[vcc] = append(all[vcc], w)
		}
	}
	for _, workers := range all {
		slices.SortFunc(workers, func(a, b messages.WorkerStatus) int { return strings.Compare(a.Worker, b.Worker) })
	}
	// It is this user's answer that would be wrong, not the workers'.
	if denied := forbidden(c.nc, ""); denied != nil && len(all) == 0 {
		return nil, fmt.Errorf("asking the workers: %w", denied)
	}
	return all, ctx.Err()
}

// consumers are those of workers, by VCC.
func (c *Client) consumers(ctx context.Context) (map[string]*jetstream.ConsumerInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*readTime)
	defer cancel()
	stream, err := c.js.Stream(ctx, c.names.Commands)
	if err != nil {
		return nil, c.explain("reading the stream "+c.names.Commands, err)
	}
	all := map[string]*jetstream.ConsumerInfo{}
	list := stream.ListConsumers(ctx)
	for info := range list.Info() {
		if vcc, is := strings.CutPrefix(info.Name, c.prefix.Consumer("")); is && messages.ValidateVCC(vcc) == nil {
			all[vcc] = info
		}
	}
	if err := list.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		return nil, c.explain("listing the workers' consumers", err)
	}
	return all, nil
}

// subjects counts the messages of the command stream by subject.
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
