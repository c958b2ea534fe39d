package session

import (
	"errors"
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
)

// TestRemedy: what is done, in order, about somebody who is signed in.
func TestRemedy(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		memory signIns
		former string
		force  bool
		want   remedy
	}{
		"nothing known":                     {want: waitForEnd},
		"a former session":                  {former: "a", force: true, want: resumeFormer},
		"another than was tried":            {memory: signIns{former: "a", ended: "a"}, former: "b", want: resumeFormer},
		"tried in vain":                     {memory: signIns{former: "a"}, former: "a", force: true, want: endFormer},
		"signed out in vain":                {memory: signIns{former: "a", ended: "a"}, former: "a", want: waitForEnd},
		"signed out in vain, with force":    {memory: signIns{former: "a", ended: "a"}, former: "a", force: true, want: evict},
		"with force":                        {force: true, want: evict},
		"with force, soon after the last":   {memory: signIns{mayForce: now.Add(time.Second)}, force: true, want: waitForEnd},
		"without force, long after another": {memory: signIns{mayForce: now.Add(-time.Hour)}, want: waitForEnd},
	} {
		if got := c.memory.remedy(c.former, c.force, now); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestFree: who may take the lease, before and after the keeper's time is over.
func TestFree(t *testing.T) {
	t.Parallel()
	takeover := time.Now()
	for name, c := range map[string]struct {
		entry         entry
		before, after bool
	}{
		"never written": {entry{}, true, true},
		"kept":          {entry{revision: 1, record: record{GUID: someGUID, Lease: "x"}}, false, true},
		"given up":      {entry{revision: 1, record: record{GUID: someGUID}}, true, true},
		"deleted":       {entry{revision: 1, gone: true}, false, true},
	} {
		if got := c.entry.free(takeover, takeover.Add(-time.Nanosecond)); got != c.before {
			t.Errorf("%s: before, %v", name, got)
		}
		if got := c.entry.free(takeover, takeover); got != c.after {
			t.Errorf("%s: after, %v", name, got)
		}
	}
}

// TestJudgeSignIn: what an answer to a sign-in calls for.
func TestJudgeSignIn(t *testing.T) {
	t.Parallel()
	cfg := Config{LockRetry: 30 * time.Minute}
	answer := func(status int, code string) gateway.Answer { return gateway.Answer{HTTPStatus: status, Retcode: code} }
	for name, c := range map[string]struct {
		answer gateway.Answer
		err    error
		want   *refusal // nil where it has worked; the meaning is for people
	}{
		"worked":          {answer: answer(200, "0")},
		"signed in":       {answer: answer(200, "100-002"), want: &refusal{what: retcode.Taken, pace: taken()}},
		"wrong password":  {answer: answer(200, "100-004"), want: &refusal{what: retcode.WrongWords, pace: cfg.rarely()}},
		"locked":          {answer: answer(200, "110-021"), want: &refusal{what: retcode.Unusable, pace: cfg.rarely()}},
		"under way":       {answer: answer(200, "100-021"), want: &refusal{what: retcode.Later, pace: soon()}},
		"a wrong address": {answer: answer(404, ""), want: &refusal{what: retcode.Malformed, pace: cfg.rarely()}},
		"a proxy's page":  {answer: answer(502, ""), want: &refusal{pace: soon(), lost: true}},
		"no licence": {
			answer: gateway.Answer{HTTPStatus: 200, Retcode: "100-003", Message: "number of login agents has exceeded"}, want: &refusal{pace: soon()},
		},
		"must change": {err: gateway.ErrChangePassword, want: &refusal{what: retcode.Unusable}},
		"no GUID":     {answer: answer(200, "0"), err: gateway.ErrNoGUID, want: &refusal{what: retcode.Malformed, pace: cfg.rarely(), lost: true}},
		"not sent":    {err: unsent(t), want: &refusal{pace: soon(), unheard: true}},
		"lost":        {err: errors.New("reset"), want: &refusal{pace: soon(), unheard: true, lost: true}},
	} {
		got := judged(t, name, cfg, c.answer, c.err)
		if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// judged is judgeSignIn without the words, which must be there.
func judged(t *testing.T, name string, cfg Config, answer gateway.Answer, err error) *refusal {
	t.Helper()
	r := cfg.judgeSignIn(answer, err)
	if r != nil {
		if r.meaning == "" {
			t.Errorf("%s: nothing is said", name)
		}
		r.meaning = ""
	}
	return r
}

// unsent is the error of a call that finds nobody at the gateway's address.
func unsent(t *testing.T) error {
	t.Helper()
	gw, err := gateway.NewClient(gateway.Options{URL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer gw.Close()
	_, _, err = gw.SignIn(t.Context(), gateway.SignInPlain, gateway.Credentials{Inspector: "1001"})
	if err == nil {
		t.Fatal("somebody answers on port 1")
	}
	return err
}

// TestMayTry: how long a password must not be tried, by what the record says of it and of
// others.
func TestMayTry(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var p passwords
	this := func(m mark) mark { m.Hash = p.hashOf("salt", "this"); return m }
	other := mark{Hash: "another's", Wrong: 1}
	for name, c := range map[string]struct {
		marks []mark
		wait  time.Duration
		ever  bool
	}{
		"never refused":              {nil, 0, true},
		"another refused":            {[]mark{other}, 0, true},
		"wrong once":                 {[]mark{this(mark{Wrong: 1, NotUntil: now.Add(time.Minute)})}, time.Minute, true},
		"wrong once, a while ago":    {[]mark{this(mark{Wrong: 1, NotUntil: now.Add(-time.Minute)})}, 0, true},
		"wrong twice":                {[]mark{this(mark{Wrong: 2})}, 0, false},
		"wrong once, and another":    {[]mark{other, this(mark{Wrong: 1})}, 0, false},
		"unheard, and another":       {[]mark{other, this(mark{Unheard: 1})}, 0, true},
		"unheard often":              {[]mark{this(mark{Unheard: 3, NotUntil: now.Add(time.Hour)})}, time.Hour, true},
		"the account needs a person": {[]mark{this(mark{NotUntil: now.Add(time.Hour)})}, time.Hour, true},
	} {
		wait, ever := p.wait(record{Salt: "salt", Refused: c.marks}, "this", now)
		if wait != c.wait || ever != c.ever {
			t.Errorf("%s: %v, %v", name, wait, ever)
		}
	}
}
