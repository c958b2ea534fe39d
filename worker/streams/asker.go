package streams

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// asker asks for last messages again and again. One subscription gets all answers, in
// place of one that is made and ended for each request.
type asker struct {
	js     jetstream.JetStream
	stream string
	inbox  string
	sub    *nats.Subscription
	err    error // no answer can come

	mu    sync.Mutex
	asked uint64
	open  map[string]*request // by the last token of the reply subject
}

// request is one that is being answered.
type request struct {
	gathering
	whole chan struct{} // closed when it is
}

func newAsker(js jetstream.JetStream, stream string) *asker {
	nc := js.Conn()
	a := &asker{js: js, stream: stream, inbox: nc.NewInbox() + ".", open: map[string]*request{}}
	if a.sub, a.err = nc.Subscribe(a.inbox+"*", a.hear); a.err == nil {
		// A message that is dropped would pass for one that is not there. There are never
		// more than answers to what was asked.
		a.err = a.sub.SetPendingLimits(-1, -1)
	}
	return a
}

func (a *asker) close() {
	if a.sub != nil {
		_ = a.sub.Unsubscribe()
	}
}

// ask is Lasts.
func (a *asker) ask(ctx context.Context, subjects []string) (map[string]Message, error) {
	if a.err != nil {
		return nil, unread(len(subjects), a.stream, a.err)
	}
	token, r := a.begin()
	defer a.end(token)
	err := requestLasts(a.js, a.stream, a.inbox+token, subjects)
	if err == nil {
		select {
		case <-r.whole:
			err = r.err
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		return nil, unread(len(subjects), a.stream, err)
	}
	return r.found, nil
}

func (a *asker) begin() (token string, r *request) {
	r = &request{whole: make(chan struct{})}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	token = strconv.FormatUint(a.asked, 36)
	a.open[token] = r
	return token, r
}

func (a *asker) end(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, token)
}

// hear takes a message of some answer. What nobody waits for any more is dropped.
func (a *asker) hear(msg *nats.Msg) {
	token := strings.TrimPrefix(msg.Subject, a.inbox)
	a.mu.Lock()
	r := a.open[token]
	a.mu.Unlock()
	if r != nil && r.take(a.stream, msg) {
		a.end(token)
		close(r.whole)
	}
}
