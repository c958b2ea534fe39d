package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// SignOut hands one order in and waits for its result. Where the id has ended already
// it returns that result with an error that is ErrEnded; where the context ends first,
// the order stands, and Await waits on.
func (c *Client) SignOut(ctx context.Context, order Order) (messages.Result, error) {
	var got Receipt
	err := c.Publish(ctx, 0, func(yield func(Order, error) bool) { yield(order, nil) }, func(r Receipt) { got = r })
	switch {
	case got.There != nil && got.There.Result != nil:
		return *got.There.Result, got.Err
	case got.Err != nil:
		return messages.Result{}, got.Err
	case err != nil:
		return messages.Result{}, err
	}
	return c.Await(ctx, got.Order.VCC, got.Order.Command.ID)
}

// Result is the result of a command that has ended; else the error is ErrNoResult.
func (c *Client) Result(ctx context.Context, vcc, id string) (messages.Result, error) {
	if err := messages.ValidateVCC(vcc); err != nil {
		return messages.Result{}, err
	}
	if err := messages.ValidateID(id); err != nil {
		return messages.Result{}, err
	}
	found, err := c.lasts(ctx, c.names.Results, []string{c.prefix.Result(vcc, messages.AnyToken, id)})
	if err != nil {
		return messages.Result{}, err
	}
	for _, msg := range found {
		if r, err := messages.DecodeResult(msg.Data); err == nil && r.ID == id {
			return r, nil
		}
	}
	return messages.Result{}, ErrNoResult
}

// Await waits for the result of a command. Any number of calls share one feed.
func (c *Client) Await(ctx context.Context, vcc, id string) (messages.Result, error) {
	if err := messages.ValidateVCC(vcc); err != nil {
		return messages.Result{}, err
	}
	feed, err := c.share(vcc)
	if err != nil {
		return messages.Result{}, err
	}
	defer c.unshare(vcc, feed)
	coming := feed.wait(id)
	defer feed.forget(id, coming)
	select {
	case <-feed.opened:
	case <-feed.ended:
		return messages.Result{}, feed.err
	case <-ctx.Done():
		return messages.Result{}, ctx.Err()
	}
	// A result that is stored from now on comes by the feed. All the same, wait looks for
	// it now and then: a feed that a server forgets while it is being opened may stay
	// silent.
	for {
		r, err := c.Result(ctx, vcc, id)
		if err == nil || lasting(err) && !errors.Is(err, ErrNoResult) {
			return r, err
		}
		again := againTime
		if errors.Is(err, ErrNoResult) {
			again = lookTime
		}
		select {
		case r := <-coming:
			return r, nil
		case <-feed.ended:
			return messages.Result{}, feed.err
		case <-ctx.Done():
			return messages.Result{}, fmt.Errorf("waiting for the result of %s: %w", id, ctx.Err())
		case <-time.After(again):
		}
	}
}

const (
	// againTime is the pause before a question that NATS has not answered is put again.
	againTime = 500 * time.Millisecond
	// lookTime is how often Await looks for a result that the feed should bring.
	lookTime = 15 * time.Second
)

// shared is the feed of one VCC's results that all calls of Await use. It runs while
// there are such calls.
type shared struct {
	users  int // guarded by the client
	stop   context.CancelFunc
	opened chan struct{} // closed when the feed follows results
	ended  chan struct{} // closed when the feed has ended; err may be read from then on
	err    error

	mu      sync.Mutex
	waiting map[string][]chan messages.Result
}

// share joins the feed of a VCC, and starts the feed for whoever comes first.
func (c *Client) share(vcc string) (*shared, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.shared[vcc]
	if s == nil {
		ctx, stop := context.WithCancel(context.Background())
		s = &shared{stop: stop, opened: make(chan struct{}), ended: make(chan struct{}), waiting: map[string][]chan messages.Result{}}
		c.shared[vcc] = s
		go func() {
			defer close(s.ended)
			s.err = s.run(ctx, c, vcc)
		}()
	}
	s.users++
	return s, nil
}

// unshare leaves a feed. Whoever leaves last ends the feed, and waits for its end.
func (c *Client) unshare(vcc string, s *shared) {
	c.mu.Lock()
	s.users--
	last := s.users == 0
	if last {
		delete(c.shared, vcc)
	}
	c.mu.Unlock()
	if last {
		s.stop()
		<-s.ended
	}
}

func (s *shared) run(ctx context.Context, c *Client, vcc string) error {
	feed, err := s.open(ctx, c, vcc)
	if err != nil {
		return err
	}
	defer feed.Close()
	close(s.opened)
	for {
		r, _, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		s.hand(r)
	}
}

// open opens the feed. While NATS does not answer it tries again.
func (s *shared) open(ctx context.Context, c *Client, vcc string) (*Results, error) {
	for {
		opening, cancel := context.WithTimeout(ctx, readTime)
		feed, err := c.Results(opening, Filter{VCC: vcc})
		cancel()
		if err == nil || lasting(err) {
			return feed, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(againTime):
		}
	}
}

// wait registers a wait for a command's result.
func (s *shared) wait(id string) chan messages.Result {
	coming := make(chan messages.Result, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[id] = append(s.waiting[id], coming)
	return coming
}

// hand gives a result to all that wait for it.
func (s *shared) hand(r messages.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, coming := range s.waiting[r.ID] {
		coming <- r // does not block: the channel has room for one, and gets one
	}
	delete(s.waiting, r.ID)
}

func (s *shared) forget(id string, coming chan messages.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.waiting[id][:0]
	for _, other := range s.waiting[id] {
		if other != coming {
			left = append(left, other)
		}
	}
	if s.waiting[id] = left; len(left) == 0 {
		delete(s.waiting, id)
	}
}
