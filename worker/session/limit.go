package session

import "time"

// raiseEvery is how slowly a limit recovers: one call more in this time.
const raiseEvery = time.Second

// limit is how many calls one inspector may have in flight. The gateway publishes no
// number; its 000-007 says that there were too many.
type limit struct {
	most    int
	present int
	lowered time.Time
	raised  time.Time
}

func newLimit(most int) limit { return limit{most: most, present: most} }

func (l *limit) calls() int { return l.present }

// slower halves the limit, once for all calls that were under way together. It
// reports whether it did.
func (l *limit) slower(begin, now time.Time) bool {
	if l.present == 1 || begin.Before(l.lowered) {
		return false
	}
	l.present = max(1, l.present/2)
	l.lowered, l.raised = now, now
	return true
}

// faster hears of an answer that did not say 000-007.
func (l *limit) faster(now time.Time) {
	if l.present < l.most && now.Sub(l.raised) >= raiseEvery {
		l.present++
		l.raised = now
	}
}
