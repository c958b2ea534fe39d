package job

import (
	"errors"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
)

var start = time.Date(2026, 11, 25, 18, 0, 0, 0, time.UTC)

func policy() Policy {
	return Policy{
		Retry:       Retry{MaxAttempts: 4, Initial: 500 * time.Millisecond, Max: 30 * time.Second},
		CallTimeout: 10 * time.Second, TrialPause: 2 * time.Second,
	}
}

// fresh is a command that was just admitted and lives for five minutes.
func fresh() *Job {
	j := New("default", messages.Command{ID: "a", WorkNo: "30012"}, start, start, 5*time.Minute)
	j.Delivery = 1
	return j
}

// in returns a fresh command with something about it changed.
func in(changes ...func(*Job)) *Job {
	j := fresh()
	for _, change := range changes {
		change(j)
	}
	return j
}

func withdrawn(j *Job) { j.Cancelled = &messages.Cancellation{At: start} }
func possible(j *Job)  { j.Effect, j.QueryFirst = Possible, true }
func claimed(j *Job)   { j.Effect = Claimed }
func stays(j *Job)     { j.Command.StayOut = messages.Duration(30 * time.Second) }

// out is a command whose agent was signed out some time ago.
func out(ago time.Duration) func(*Job) {
	return func(j *Job) {
		stays(j)
		j.Out, j.DueAt = &messages.SignedOut{At: start.Add(-ago)}, start.Add(-ago).Add(30*time.Second)
	}
}

func protected(j *Job) { j.Protected = true }
func orphan(j *Job)    { j.Orphan = errors.New("unknown") }
func polite(j *Job)    { j.Command.WhenIdle, j.Command.GraceUntil = true, start.Add(time.Minute) }
func wrapUp(j *Job)    { j.Command.WrapUp = messages.Duration(30 * time.Second) }
func before(j *Job)    { j.Command.SignedInBefore = start.Add(-time.Hour) }
func used(n int) func(*Job) {
	return func(j *Job) { j.Calls, j.Spent = n, n }
}
func due(d time.Duration) func(*Job) { return func(j *Job) { j.DueAt = start.Add(d) } }
func dies(d time.Duration) func(*Job) {
	return func(j *Job) { j.Expires = start.Add(d) }
}

func told(p gateway.Presence) Seen {
	return Seen{What: Told, State: gateway.State{Presence: p}, Verdict: Verdict{Class: retcode.Success}}
}

func unread() Seen {
	return Seen{What: Told, Verdict: Verdict{Class: retcode.Transient, Hint: WholeGateway, Meaning: "no answer"}}
}

func answer(class retcode.Class, hint Hint) Seen {
	return Seen{What: Answered, Answer: gateway.Answer{HTTPStatus: 200, Retcode: "900-003"}, Verdict: Verdict{Class: class, Hint: hint}}
}

// TestDecide has a row for each rule; the order is the one in which a command meets them.
func TestDecide(t *testing.T) {
	t.Parallel()
	late := told(gateway.PresenceSignedIn)
	late.State.SignedInAt = start
	onCall := told(gateway.PresenceSignedIn)
	onCall.State.Doing = gateway.OnCall
	afterCall := func(d time.Duration) Seen {
		seen := told(gateway.PresenceSignedIn)
		seen.State.Doing, seen.State.For = gateway.WrapUp, d
		return seen
	}
	down := answer(retcode.Transient, WholeGateway)
	down.Down = true
	untried := Seen{What: GatewayDown, Untried: true}
	lost := Seen{What: Ready, Lost: true}
	spared := func(seen Seen) Seen {
		seen.Protected = true
		return seen
	}
	for name, c := range map[string]struct {
		job  *Job
		seen Seen
		do   Do
		why  Reason
		out  messages.Outcome
		why2 messages.Cause
	}{
		"admitted":               {job: fresh(), seen: Seen{What: Ready}, do: Secure},
		"not due, soon":          {job: in(due(time.Second)), seen: Seen{What: Ready}, do: Wait, why: ForTime},
		"not due, later":         {job: in(due(time.Minute)), seen: Seen{What: Ready}, do: Yield, why: ForTime},
		"called before, not due": {job: in(used(1), due(time.Second)), seen: Seen{What: Ready}, do: Wait, why: ForRetry},
		"expired":                {job: in(dies(0)), seen: Seen{What: Ready}, do: End, out: messages.OutcomeExpired, why2: messages.CauseExpiredBeforeAttempt},
		"expired after a call":   {job: in(dies(0), used(1)), seen: Seen{What: Ready}, do: End, out: messages.OutcomeExpired, why2: messages.CauseExpiredWhileRetrying},
		"expired, claimed":       {job: in(dies(0), claimed), seen: Seen{What: Ready}, do: End, out: messages.OutcomeSignedOut},
		"expired, withdrawn":     {job: in(dies(0), withdrawn), seen: Seen{What: Ready}, do: End, out: messages.OutcomeCancelled, why2: messages.CauseCancelled},
		"expired, withdrawn, possible": {job: in(dies(0), withdrawn, possible), seen: Seen{What: Ready}, do: End,
			out: messages.OutcomeExpired, why2: messages.CauseExpiredBeforeAttempt},
		"lost while it waited":               {job: fresh(), seen: lost, do: Drop},
		"withdrawn while it waits":           {job: in(withdrawn, due(time.Minute)), seen: Seen{What: Ready}, do: Secure},
		"withdrawn while somebody may call":  {job: in(withdrawn, possible, due(time.Minute)), seen: Seen{What: Ready}, do: Yield, why: ForTime},
		"secured":                            {job: fresh(), seen: Seen{What: Secured}, do: Call},
		"secured, withdrawn":                 {job: in(withdrawn), seen: Seen{What: Secured}, do: End, out: messages.OutcomeCancelled, why2: messages.CauseCancelled},
		"secured, withdrawn, claimed":        {job: in(withdrawn, claimed), seen: Seen{What: Secured}, do: End, out: messages.OutcomeSignedOut},
		"secured, withdrawn, possible":       {job: in(withdrawn, possible), seen: Seen{What: Secured}, do: Query},
		"secured, too little life":           {job: in(dies(50 * time.Millisecond)), seen: Seen{What: Secured}, do: Wait, why: ForTime},
		"secured, query first":               {job: in(possible), seen: Seen{What: Secured}, do: Query},
		"secured, signedInBefore":            {job: in(before), seen: Seen{What: Secured}, do: Query},
		"secured, whenIdle":                  {job: in(polite), seen: Seen{What: Secured}, do: Query},
		"secured, grace is over":             {job: in(polite, func(j *Job) { j.Command.GraceUntil = start }), seen: Seen{What: Secured}, do: Call},
		"secured, attempts used up":          {job: in(used(4)), seen: Seen{What: Secured}, do: End, out: messages.OutcomeFailed, why2: messages.CauseRetriesExhausted},
		"secured, attempts used up and open": {job: in(used(4), possible), seen: Seen{What: Secured}, do: Query},

		"protected, not due":              {job: in(due(time.Second)), seen: spared(Seen{What: Ready}), do: Wait, why: ForTime},
		"secured, protected":              {job: fresh(), seen: spared(Seen{What: Secured}), do: End, out: messages.OutcomeFailed, why2: messages.CauseProtected},
		"secured, protected, withdrawn":   {job: in(withdrawn), seen: spared(Seen{What: Secured}), do: End, out: messages.OutcomeCancelled, why2: messages.CauseCancelled},
		"secured, protected, claimed":     {job: in(claimed), seen: spared(Seen{What: Secured}), do: End, out: messages.OutcomeSignedOut},
		"secured, protected, possible":    {job: in(possible), seen: spared(Seen{What: Secured}), do: Query},
		"secured, not protected any more": {job: in(protected), seen: Seen{What: Secured}, do: Call},
		"told of protected: signed in":    {job: in(possible), seen: spared(told(gateway.PresenceSignedIn)), do: End, out: messages.OutcomeFailed, why2: messages.CauseProtected},
		"told of protected: signed out":   {job: in(possible), seen: spared(told(gateway.PresenceSignedOut)), do: End, out: messages.OutcomeAlreadySignedOut},
		"told of protected: unknown":      {job: in(possible), seen: spared(told(gateway.PresenceUnknown)), do: End, out: messages.OutcomeFailed, why2: messages.CauseProtected},
		"told of protected: unread":       {job: in(possible), seen: spared(unread()), do: Wait, why: ForRetry},
		"told of protected: a condition":  {job: in(before), seen: spared(told(gateway.PresenceSignedIn)), do: End, out: messages.OutcomeFailed, why2: messages.CauseProtected},
		"told of protected: a call may go on": {job: in(possible, func(j *Job) { j.OpenUntil = start.Add(time.Second) }),
			seen: spared(told(gateway.PresenceSignedIn)), do: Wait, why: ForRetry},
		"answer of protected: transient": {job: in(used(1)), seen: spared(answer(retcode.Transient, AskState)), do: Query},

		"told: signed out":          {job: in(possible), seen: told(gateway.PresenceSignedOut), do: End, out: messages.OutcomeAlreadySignedOut},
		"told: signed out, claimed": {job: in(claimed), seen: told(gateway.PresenceSignedOut), do: End, out: messages.OutcomeSignedOut},
		"told: signed in":           {job: in(possible), seen: told(gateway.PresenceSignedIn), do: Call},
		"told: signed in, used up":  {job: in(possible, used(4)), seen: told(gateway.PresenceSignedIn), do: End, out: messages.OutcomeFailed, why2: messages.CauseRetriesExhausted},
		"told: signed in, used up, while a call goes on": {job: in(possible, used(4), func(j *Job) { j.OpenUntil = start.Add(time.Second) }),
			seen: told(gateway.PresenceSignedIn), do: Wait, why: ForRetry},
		"not due before it expires, and a call may have worked": {job: in(possible, due(time.Minute), dies(3*time.Second)), seen: Seen{What: Ready}, do: Wait, why: ForTime},
		"told: unknown":              {job: in(possible), seen: told(gateway.PresenceUnknown), do: Call},
		"told: signed in, not due":   {job: in(used(1), due(time.Second)), seen: told(gateway.PresenceSignedIn), do: Wait, why: ForRetry},
		"told: signed in later":      {job: in(before), seen: late, do: End, out: messages.OutcomeSuperseded, why2: messages.CauseSuperseded},
		"told: on a call":            {job: in(polite), seen: onCall, do: Yield, why: ForCall},
		"told: unknown, polite":      {job: in(polite), seen: told(gateway.PresenceUnknown), do: Yield, why: ForCall},
		"told: on a call, no matter": {job: in(before), seen: onCall, do: Call},
		"unread":                     {job: in(possible), seen: unread(), do: Wait, why: ForRetry},
		"unread, no matter":          {job: in(func(j *Job) { j.QueryFirst = true }), seen: unread(), do: Call},
		"unread, a condition":        {job: in(before), seen: unread(), do: Wait, why: ForRetry},
		"unread too often":           {job: in(possible, func(j *Job) { j.Unread = 3 }), seen: unread(), do: End, out: messages.OutcomeFailed, why2: messages.CauseRetriesExhausted},
		"told: signed in, claimed, used up": {job: in(claimed, used(4), func(j *Job) { j.QueryFirst = true }), seen: told(gateway.PresenceSignedIn), do: End,
			out: messages.OutcomeFailed, why2: messages.CauseRetriesExhausted},
		"told: unknown, used up, while a call goes on": {job: in(possible, used(4), func(j *Job) { j.OpenUntil = start.Add(time.Second) }),
			seen: told(gateway.PresenceUnknown), do: End, out: messages.OutcomeFailed, why2: messages.CauseRetriesExhausted},
		"session refused often":                   {job: in(possible, func(j *Job) { j.renewals = 2 }), seen: Seen{What: Told, Verdict: Verdict{Class: retcode.Session}}, do: Wait, why: ForRetry},
		"unread too often, claimed":               {job: in(claimed, used(1), func(j *Job) { j.QueryFirst, j.Unread = true, 3 }), seen: unread(), do: End, out: messages.OutcomeSignedOut},
		"session refused":                         {job: in(possible), seen: Seen{What: Told, Verdict: Verdict{Class: retcode.Session}}, do: AwaitSession, why: ForSession},
		"told: after-call work":                   {job: in(polite, wrapUp), seen: afterCall(10 * time.Second), do: Yield, why: ForCall},
		"told: after-call work, soon long enough": {job: in(polite, wrapUp), seen: afterCall(29 * time.Second), do: Wait, why: ForCall},
		"told: after-call work, long enough":      {job: in(polite, wrapUp), seen: afterCall(30 * time.Second), do: Call},
		"told: after-call work, since when?":      {job: in(polite, wrapUp), seen: afterCall(0), do: Yield, why: ForCall},
		"told: after-call work, since before":     {job: in(polite, wrapUp, func(j *Job) { j.WrapUpSince = start.Add(-30 * time.Second) }), seen: afterCall(0), do: Call},
		"told: after-call work, no matter":        {job: in(polite), seen: afterCall(0), do: Call},

		"told of withdrawn: signed out": {job: in(withdrawn, possible), seen: told(gateway.PresenceSignedOut), do: End, out: messages.OutcomeAlreadySignedOut},
		"told of withdrawn: signed in":  {job: in(withdrawn, possible), seen: told(gateway.PresenceSignedIn), do: End, out: messages.OutcomeCancelled, why2: messages.CauseCancelled},
		"told of withdrawn: unknown":    {job: in(withdrawn, possible), seen: told(gateway.PresenceUnknown), do: End, out: messages.OutcomeCancelled, why2: messages.CauseCancelled},
		"told of withdrawn: unread":     {job: in(withdrawn, possible), seen: unread(), do: Wait, why: ForRetry},
		"told of withdrawn: signed in, while somebody may call": {job: in(withdrawn, possible, func(j *Job) { j.OpenUntil = start.Add(time.Second) }),
			seen: told(gateway.PresenceSignedIn), do: Wait, why: ForRetry},

		"answer: success":                       {job: in(used(1)), seen: answer(retcode.Success, NoHint), do: End, out: messages.OutcomeSignedOut},
		"answer: refused, while a call goes on": {job: in(used(2), func(j *Job) { j.OpenUntil = start.Add(time.Second) }), seen: answer(retcode.Permanent, NoHint), do: Secure},
		"answer: refused":                       {job: in(used(1)), seen: answer(retcode.Permanent, NoHint), do: End, out: messages.OutcomeFailed, why2: messages.CauseRefused},
		"answer: session":                       {job: in(used(1)), seen: answer(retcode.Session, NoHint), do: Secure},
		"answer: session, many":                 {job: in(used(3), func(j *Job) { j.renewals = 2 }), seen: answer(retcode.Session, NoHint), do: Yield, why: ForSession},
		"answer: transient":                     {job: in(used(1)), seen: answer(retcode.Transient, NoHint), do: Wait, why: ForRetry},
		"answer: transient, ask":                {job: in(used(1)), seen: answer(retcode.Transient, AskState), do: Query},
		"answer: transient, last":               {job: in(used(3)), seen: answer(retcode.Transient, NoHint), do: End, out: messages.OutcomeFailed, why2: messages.CauseRetriesExhausted},
		"answer: none":                          {job: in(used(1)), seen: Seen{What: Answered, Err: errors.New("reset"), Verdict: Verdict{Class: retcode.Transient, Hint: WholeGateway}}, do: Wait, why: ForRetry},
		"answer: none, last":                    {job: in(used(3)), seen: Seen{What: Answered, Err: errors.New("reset"), Verdict: Verdict{Class: retcode.Transient, Hint: WholeGateway}}, do: Yield, why: ForRetry},
		"answer: the gateway is down":           {job: in(used(1)), seen: down, do: Yield, why: ForGateway},
		"answer: somebody else calls":           {job: in(used(1)), seen: answer(retcode.Transient, TooFast), do: Wait, why: ForRetry},
		"answer: nobody knows, thrice":          {job: in(used(2)), seen: Seen{What: Answered, Verdict: Verdict{Class: retcode.Transient, Few: true}}, do: End, out: messages.OutcomeFailed, why2: messages.CauseRefused},
		"confirmed: signed out":                 {job: in(used(1), claimed), seen: Seen{What: Confirmed, State: gateway.State{Presence: gateway.PresenceSignedOut}}, do: End, out: messages.OutcomeSignedOut},
		"confirmed: nothing to be seen":         {job: in(used(1), claimed), seen: Seen{What: Confirmed}, do: End, out: messages.OutcomeSignedOut},
		"confirmed: still signed in":            {job: in(used(1), claimed), seen: Seen{What: Confirmed, State: gateway.State{Presence: gateway.PresenceSignedIn}}, do: Wait, why: ForRetry},

		"answer: success, one more look":  {job: in(used(1), stays), seen: answer(retcode.Success, NoHint), do: Keep},
		"told: signed out, one more look": {job: in(possible, stays), seen: told(gateway.PresenceSignedOut), do: Keep},
		"told: signed out, withdrawn":     {job: in(possible, stays, withdrawn), seen: told(gateway.PresenceSignedOut), do: End, out: messages.OutcomeAlreadySignedOut},
		"confirmed, one more look":        {job: in(used(1), claimed, stays), seen: Seen{What: Confirmed, State: gateway.State{Presence: gateway.PresenceSignedOut}}, do: Keep},
		"out: noted":                      {job: in(out(0)), seen: Seen{What: Kept}, do: Yield, why: ForStayOut},
		"out: not noted":                  {job: in(out(0)), seen: Seen{What: Kept, Err: errors.New("away")}, do: End, out: messages.OutcomeSignedOut},
		"out: back from the server":       {job: in(out(29 * time.Second)), seen: Seen{What: Ready}, do: Wait, why: ForStayOut},
		"out: no place":                   {job: in(out(29 * time.Second)), seen: Seen{What: NoPlace}, do: Yield, why: ForStayOut},
		"out: time to look":               {job: in(out(30 * time.Second)), seen: Seen{What: Ready}, do: Query},
		"out: expired":                    {job: in(out(30*time.Second), dies(0)), seen: Seen{What: Ready}, do: Query},
		"out: protected":                  {job: in(out(30 * time.Second)), seen: spared(Seen{What: Ready}), do: Query},
		"out: withdrawn":                  {job: in(out(0), withdrawn), seen: Seen{What: Ready}, do: End, out: messages.OutcomeSignedOut},
		"out: lost":                       {job: in(out(0)), seen: lost, do: Drop},
		"out: draining":                   {job: in(out(30 * time.Second)), seen: Seen{What: Draining}, do: Yield, why: ForStayOut},
		"out: no session":                 {job: in(out(30 * time.Second)), seen: Seen{What: SessionPending}, do: Yield, why: ForStayOut},
		"out: no session for long":        {job: in(out(90 * time.Second)), seen: Seen{What: SessionPending}, do: End, out: messages.OutcomeSignedOut},
		"out: unread":                     {job: in(out(30 * time.Second)), seen: unread(), do: Wait, why: ForStayOut},
		"out: unread too often":           {job: in(out(30*time.Second), func(j *Job) { j.Unread = 3 }), seen: unread(), do: End, out: messages.OutcomeSignedOut},
		"out: told, signed in":            {job: in(out(30 * time.Second)), seen: told(gateway.PresenceSignedIn), do: End, out: messages.OutcomeSignedOut},
		"out: told, signed out":           {job: in(out(30 * time.Second)), seen: told(gateway.PresenceSignedOut), do: End, out: messages.OutcomeSignedOut},

		"barred: draining":              {job: fresh(), seen: Seen{What: Draining}, do: Yield, why: ForTime},
		"barred: lost":                  {job: fresh(), seen: Seen{What: LeaseLost}, do: Drop},
		"barred: a twin":                {job: fresh(), seen: Seen{What: Twin}, do: LeaveToTwin},
		"barred: settled":               {job: fresh(), seen: Seen{What: Settled}, do: Settle},
		"barred: too late":              {job: in(dies(50 * time.Millisecond)), seen: Seen{What: TooLate}, do: Wait, why: ForTime},
		"barred: too late, withdrawn":   {job: in(withdrawn, dies(50*time.Millisecond)), seen: Seen{What: TooLate}, do: End, out: messages.OutcomeCancelled, why2: messages.CauseCancelled},
		"barred: stopped":               {job: fresh(), seen: Seen{What: Stopped}, do: Leave},
		"barred: session pending":       {job: fresh(), seen: Seen{What: SessionPending}, do: AwaitSession, why: ForSession},
		"barred: no inspector":          {job: fresh(), seen: Seen{What: NoInspector}, do: Yield, why: ForSession},
		"barred: no place":              {job: in(due(time.Second)), seen: Seen{What: NoPlace}, do: Yield, why: ForTime},
		"barred: no place, no session":  {job: fresh(), seen: Seen{What: NoPlace}, do: Yield, why: ForSession},
		"barred: gateway down":          {job: fresh(), seen: Seen{What: GatewayDown}, do: Yield, why: ForGateway},
		"barred: gateway down, untried": {job: fresh(), seen: untried, do: Yield, why: ForGateway},
		"barred: no turn":               {job: fresh(), seen: Seen{What: Paced, Until: start.Add(5 * time.Second)}, do: Yield, why: ForPace},
		"barred: unknown inspector":     {job: fresh(), seen: Seen{What: UnknownHere, Delivery: 1}, do: Yield, why: ForSession},
		"barred: unknown for long": {job: fresh(), seen: Seen{What: UnknownHere, Delivery: lastUnknown, Err: errors.New("unknown")}, do: End,
			out: messages.OutcomeFailed, why2: messages.CauseNoSession},
		"barred: unknown for long, possible": {job: in(possible), seen: Seen{What: UnknownHere, Delivery: lastUnknown, Err: errors.New("unknown")}, do: Secure},
		"told of an orphan: signed in": {job: in(possible, orphan), seen: told(gateway.PresenceSignedIn), do: End,
			out: messages.OutcomeFailed, why2: messages.CauseNoSession},
		"told of an orphan: signed in, while a call goes on": {job: in(possible, orphan, func(j *Job) { j.OpenUntil = start.Add(time.Second) }),
			seen: told(gateway.PresenceSignedIn), do: Wait, why: ForRetry},
		"barred: itself, an orphan":                    {job: in(orphan), seen: Seen{What: Itself, Err: errors.New("itself")}, do: End, out: messages.OutcomeFailed, why2: messages.CauseNoSession},
		"barred: too late, expired":                    {job: in(dies(0)), seen: Seen{What: TooLate}, do: End, out: messages.OutcomeExpired, why2: messages.CauseExpiredBeforeAttempt},
		"answer: nobody knows, once":                   {job: in(used(0)), seen: Seen{What: Answered, Verdict: Verdict{Class: retcode.Transient, Few: true}}, do: Wait, why: ForRetry},
		"not due before it expires":                    {job: in(due(time.Minute), dies(3*time.Second)), seen: Seen{What: Ready}, do: Yield, why: ForTime},
		"not due before it expires, claimed and asked": {job: in(claimed, due(time.Minute), dies(3*time.Second)), seen: Seen{What: Ready}, do: Yield, why: ForTime},
		"not due before it expires, asked":             {job: in(due(time.Minute), dies(3*time.Second), func(j *Job) { j.QueryFirst = true }), seen: Seen{What: Ready}, do: Yield, why: ForTime},
		"told of an orphan: signed out":                {job: in(possible, orphan), seen: told(gateway.PresenceSignedOut), do: End, out: messages.OutcomeAlreadySignedOut},
		"told of an orphan: unread":                    {job: in(possible, orphan), seen: unread(), do: Wait, why: ForRetry},
		"barred: unknown for long, claimed":            {job: in(claimed), seen: Seen{What: UnknownHere, Delivery: lastUnknown, Err: errors.New("unknown")}, do: Secure},
		"told of an orphan: signed in, claimed": {job: in(claimed, orphan), seen: told(gateway.PresenceSignedIn), do: End,
			out: messages.OutcomeFailed, why2: messages.CauseNoSession},
		"told of an orphan: unknown, claimed":          {job: in(claimed, orphan), seen: told(gateway.PresenceUnknown), do: End, out: messages.OutcomeSignedOut},
		"told of an orphan: unread too often, claimed": {job: in(claimed, orphan, func(j *Job) { j.Unread = 3 }), seen: unread(), do: End, out: messages.OutcomeSignedOut},
		"barred: unknown to all, claimed":              {job: in(claimed, orphan), seen: Seen{What: UnknownHere, Delivery: lastUnknown, Err: errors.New("unknown")}, do: End, out: messages.OutcomeSignedOut},
		"barred: itself":                               {job: fresh(), seen: Seen{What: Itself, Err: errors.New("itself")}, do: End, out: messages.OutcomeFailed, why2: messages.CauseRefused},
	} {
		got := Decide(c.job, c.seen, policy(), start)
		if got.Do != c.do || got.For != c.why || got.Ending.Outcome() != c.out || got.Ending.Cause() != c.why2 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	p := policy()
	p.Confirm = true
	if got := Decide(in(used(1)), answer(retcode.Success, NoHint), p, start); got.Do != Confirm {
		t.Errorf("a success that is to be confirmed: %+v", got)
	}
}

// TestOvertakenSpendsNothing: that somebody else calls for the agent is no failure.
func TestOvertakenSpendsNothing(t *testing.T) {
	t.Parallel()
	j := fresh()
	for range 50 {
		j.Began("1001", start)
		Decide(j, answer(retcode.Transient, TooFast), policy(), start)
	}
	if j.Spent != 0 || j.Effect != Possible || !j.QueryFirst {
		t.Errorf("%+v", j)
	}
}

// TestSignedInTooEarly: while somebody else's call may be under way, that the agent is
// signed in does not show that they stay so.
func TestSignedInTooEarly(t *testing.T) {
	t.Parallel()
	j := fresh()
	j.Began("1001", start)
	Decide(j, answer(retcode.Transient, TooFast), policy(), start)
	Decide(j, told(gateway.PresenceSignedIn), policy(), start.Add(time.Second))
	if j.Effect != Possible {
		t.Error("an answer that came too early lowered the effect")
	}
	seen := Seen{What: Ready, Withdrawn: &messages.Cancellation{At: start}, Delivery: 1}
	if got := Decide(j, seen, policy(), start.Add(time.Second)); got.Do == End {
		t.Errorf("withdrawn: %+v", got)
	}
}

// TestSessionCameBack: once the session is there, the command waits for what it waited for
// before.
func TestSessionCameBack(t *testing.T) {
	t.Parallel()
	j := fresh()
	j.Began("1001", start)
	Decide(j, answer(retcode.Transient, AskState), policy(), start)
	if got := Decide(j, Seen{What: Told, Verdict: Verdict{Class: retcode.Session}}, policy(), start); got.Do != AwaitSession || got.For != ForSession {
		t.Errorf("a refused session: %+v", got)
	}
	if got := Decide(j, Seen{What: Ready}, policy(), start); got.Do != Wait || got.For != ForRetry {
		t.Errorf("the session came back: %+v", got)
	}
}
