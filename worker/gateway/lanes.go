package gateway

import (
	"crypto/tls"
	"slices"
	"sync"
	"time"
)

// lanes hands out connections to one gateway.
type lanes struct {
	most  int                  // idle ones
	clock func() time.Duration // since the start; the wall clock may be set back

	anew bool // each makes a whole handshake

	mu         sync.Mutex
	config     *tls.Config
	sessions   tls.ClientSessionCache // of connections whose certificates have been looked at
	lookedAt   time.Duration          // since when
	generation int                    // those of before are used no more
	notBefore  time.Duration          // neither are those that were made before
	idle       []*lane                // the one that was used last is the last
	shared     *lane                  // speaks HTTP/2; nil where none does
}

// take returns a lane for one call, to be given back.
func (p *lanes) take() *lane {
	l, old := p.find()
	if old != nil {
		old.CloseIdleConnections()
	}
	return l
}

// find returns a lane, and one that is too old.
func (p *lanes) find() (found, old *lane) {
	now := p.clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shared != nil && p.usable(p.shared, now) {
		return p.shared, nil
	}
	if l := p.rested(now); l != nil && p.usable(l, now) {
		return l, nil
	} else if l != nil {
		old = l
	}
	// Certificates are looked at again from time to time: they may have been replaced.
	if !p.anew && (p.sessions == nil || now-p.lookedAt >= oldest) {
		p.sessions, p.lookedAt = tls.NewLRUClientSessionCache(tlsSessions), now
	}
	return newLane(p.config, p.sessions, now, p.generation), old
}

// rested takes out an idle lane: the last one that has rested, as it is the least
// likely to be closed. Where they are too many to rest, the first.
func (p *lanes) rested(now time.Duration) *lane {
	at := -1
	for i, l := range slices.Backward(p.idle) {
		if now-l.idle >= rest {
			at = i
			break
		}
	}
	if at < 0 && len(p.idle) >= p.most {
		at = 0
	}
	if at < 0 {
		return nil
	}
	l := p.idle[at]
	p.idle = slices.Delete(p.idle, at, at+1)
	return l
}

func (p *lanes) usable(l *lane, now time.Duration) bool {
	return l.generation == p.generation && l.made >= p.notBefore && now-l.made < oldest
}

// give takes a lane back after a call, with the version of HTTP that it spoke, 0
// where no whole answer has come.
func (p *lanes) give(l *lane, version int) {
	for _, unused := range p.keep(l, version) {
		unused.CloseIdleConnections()
	}
}

// keep returns what is not kept.
func (p *lanes) keep(l *lane, version int) (unused []*lane) {
	now := p.clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case l == p.shared:
		if version != 1 {
			return nil
		}
		p.shared = nil // it leads to something else by now
		return []*lane{l}
	case version == 0, !p.usable(l, now):
		return []*lane{l}
	case version > 1 && p.shared != nil && p.usable(p.shared, now):
		return []*lane{l}
	case version > 1:
		if unused, p.idle = p.idle, nil; p.shared != nil {
			unused = append(unused, p.shared) // nobody would give it back
		}
		p.shared = l
		return unused
	}
	l.idle = now
	p.idle = append(p.idle, l)
	n := max(0, len(p.idle)-p.most)
	for n < len(p.idle) && now-p.idle[n].idle >= idleTime {
		n++
	}
	unused = slices.Clone(p.idle[:n])
	p.idle = slices.Delete(p.idle, 0, n)
	return unused
}

// renew makes all calls from now on dial anew, with these TLS settings, nil for the
// present ones.
func (p *lanes) renew(config *tls.Config) {
	for _, l := range p.drop(config) {
		l.CloseIdleConnections()
	}
}

func (p *lanes) drop(config *tls.Config) []*lane {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.generation++
	p.sessions = nil
	if config != nil {
		p.config = config
	}
	unused := p.idle
	if p.shared != nil {
		unused = append(unused, p.shared)
	}
	p.idle, p.shared = nil, nil
	return unused
}

// doubt is told of a call that began then and got no answer in time: connections
// that are older may be as dead as its own.
func (p *lanes) doubt(begin time.Duration) {
	for _, old := range p.dropBefore(begin) {
		old.CloseIdleConnections()
	}
}

func (p *lanes) dropBefore(begin time.Duration) (old []*lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notBefore = max(p.notBefore, begin)
	p.idle = slices.DeleteFunc(p.idle, func(l *lane) bool {
		if l.made >= p.notBefore {
			return false
		}
		old = append(old, l)
		return true
	})
	return old
}
