package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/forcelogout/forcelogout/messages"
)

// held is one delivered message that this worker answers for. The server
// redelivers it to somebody unless the lease is extended within AckWait.
type held struct {
	seq    uint64
	stored time.Time // when the stream took it
	rest   time.Time // until then another worker may have it; zero for never

	mu         sync.Mutex
	msg        jetstream.Msg
	deliveries uint64
	extended   time.Time // the lease lasts AckWait from here
	server     string    // the NATS server that delivered it
	commandID  string    // once it is decoded
	cancelled  *messages.Cancellation
	gone       chan struct{} // closed when it is withdrawn
}

// withdraw is told that the command shall not be executed.
func (h *held) withdraw(by messages.Cancellation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cancelled == nil {
		h.cancelled = &by
		close(h.gone)
	}
}

func (h *held) withdrawnBy() *messages.Cancellation {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cancelled
}

// delivery returns the newest delivery of the message and its number, from 1.
func (h *held) delivery() (jetstream.Msg, uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.msg, h.deliveries
}

// leases keeps the messages in hand and extends them in one loop.
type leases struct {
	nc      *nats.Conn
	log     *slog.Logger
	ackWait time.Duration
	ahead   uint64 // how far the deliveries of other workers may be ahead

	mu       sync.Mutex
	bySeq    map[uint64]*held
	ids      map[string]*held // by command id
	beat     time.Time        // when the loop last ran
	doubtful bool             // deliveries may be older than they look
	highest  uint64           // sequence taken
	other    otherServer
}

func newLeases(nc *nats.Conn, log *slog.Logger, ackWait time.Duration, ahead uint64) *leases {
	return &leases{
		nc: nc, log: log, ackWait: ackWait,
		bySeq: map[uint64]*held{}, ids: map[string]*held{},
		beat: time.Now(), ahead: ahead, other: otherServer{id: nc.ConnectedServerId()},
	}
}

// period is how often leases are extended: often enough that a call always
// starts with most of its AckWait left.
func (l *leases) period() time.Duration { return l.ackWait * 2 / 15 }

// take puts a delivered message in hand. It returns nil where there is nothing
// to do: a command in hand was delivered again and goes on under the new
// delivery, or the process was paused and the delivery may be stale, so that
// another worker may have the message by now.
func (l *leases) take(msg jetstream.Msg, server string) *held {
	meta, err := msg.Metadata()
	if err != nil {
		return nil
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.doubtful || now.Sub(l.beat) > l.ackWait/2 {
		l.log.LogAttrs(context.Background(), slog.LevelWarn, "the process was paused, a delivery is left to its next holder",
			slog.Uint64("seq", meta.Sequence.Stream))
		return nil
	}
	if h := l.bySeq[meta.Sequence.Stream]; h != nil {
		h.mu.Lock()
		h.msg, h.deliveries, h.extended, h.server = msg, meta.NumDelivered, now, server
		h.mu.Unlock()
		return nil
	}
	l.notice()
	l.highest = max(l.highest, meta.Sequence.Stream)
	h := &held{
		seq: meta.Sequence.Stream, stored: meta.Timestamp, rest: l.other.rest(meta),
		msg: msg, deliveries: meta.NumDelivered, extended: now, server: server, gone: make(chan struct{}),
	}
	l.bySeq[h.seq] = h
	return h
}

// claim notes which command a held message is. It fails where the same command
// is in hand already, from another message.
func (l *leases) claim(h *held, commandID string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, taken := l.ids[commandID]; taken {
		return false
	}
	l.ids[commandID] = h
	h.commandID = commandID
	return true
}

// has reports whether a command is in hand.
func (l *leases) has(commandID string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ids[commandID] != nil
}

// withdraw tells the execution of a command, if it is in hand.
func (l *leases) withdraw(commandID string, by messages.Cancellation) {
	l.mu.Lock()
	h := l.ids[commandID]
	l.mu.Unlock()
	if h != nil {
		h.withdraw(by)
	}
}

// drop ends this worker's answer for the message. Doing so again changes nothing,
// also if the message has been delivered anew meanwhile.
func (l *leases) drop(h *held) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bySeq[h.seq] == h {
		delete(l.bySeq, h.seq)
	}
	if l.ids[h.commandID] == h {
		delete(l.ids, h.commandID)
	}
}

// remaining is how long the lease lasts; zero or less means that the message is
// somebody else's by now.
func (l *leases) remaining(h *held) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return l.ackWait - time.Since(h.extended)
}

// run extends leases until the context ends.
func (l *leases) run(ctx context.Context) {
	ticker := time.NewTicker(l.period())
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			l.extend(ctx)
		}
	}
}

// extend renews what is due. A lease counts as renewed only when the server
// has answered a ping that was sent behind the extensions: on a connection that
// is dead and does not know it yet, writes succeed too. And it must be the server
// that delivered the message: another one may know nothing of it, and deliver it
// to somebody else.
func (l *leases) extend(ctx context.Context) {
	due, paused := l.due(time.Now())
	if len(due) == 0 && !paused {
		return
	}
	sent := time.Now()
	for _, h := range due {
		msg, _ := h.delivery()
		// Acknowledged meanwhile is as good.
		if err := msg.InProgress(); err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
			l.log.LogAttrs(ctx, slog.LevelWarn, "lease not extended", slog.Uint64("seq", h.seq), slog.Any("error", err))
		}
	}
	flushCtx, cancel := context.WithTimeout(ctx, l.ackWait/3)
	defer cancel()
	if err := l.nc.FlushWithContext(flushCtx); err != nil {
		l.log.LogAttrs(ctx, slog.LevelWarn, "leases not extended: NATS does not answer",
			slog.Int("in_hand", len(due)), slog.Any("error", err))
		return
	}
	server := l.nc.ConnectedServerId()
	for _, h := range due {
		h.mu.Lock()
		if sent.After(h.extended) && h.server == server {
			h.extended = sent
		}
		h.mu.Unlock()
	}
	l.mu.Lock()
	l.doubtful = false
	l.mu.Unlock()
}

// due lists what to extend, and reports whether the process was paused since
// the last beat. What the socket held over a pause was delivered long ago, so
// deliveries are doubted until a ping has gone round behind them.
func (l *leases) due(now time.Time) (due []*held, paused bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.beat) > l.ackWait/2 {
		l.doubtful = true
	}
	l.beat = now
	server := l.nc.ConnectedServerId()
	for _, h := range l.bySeq {
		h.mu.Lock()
		age := now.Sub(h.extended)
		known := h.server == server
		h.mu.Unlock()
		// A lost lease is left alone: extending it would disturb the new holder.
		if known && age >= l.period() && age < l.ackWait {
			due = append(due, h)
		}
	}
	return due, l.doubtful
}
