package session

import (
	"errors"
	"testing"

	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
)

// TestJudge: what one answer says of the session that it was asked with.
func TestJudge(t *testing.T) {
	t.Parallel()
	table, err := retcode.New(map[string]retcode.Class{"777-001": retcode.Session})
	if err != nil {
		t.Fatal(err)
	}
	p := &Pool{cfg: Config{Retcodes: table}}
	for name, c := range map[string]struct {
		status  int
		retcode string
		err     error
		want    verdict
	}{
		"success":             {200, "0", nil, alive},
		"not signed in":       {200, "100-006", nil, refused},
		"no permission":       {200, "000-003", nil, refused},
		"sign in again":       {200, "105-007", nil, refused},
		"by setting":          {200, "777-001", nil, refused},
		"a proxy's 401":       {401, "", nil, refused},
		"a proxy's 403":       {403, "0", nil, refused},
		"push mode":           {200, "000-001", nil, pushed},
		"recovery goes on":    {200, "105-002", nil, unknown},
		"no retcode":          {200, "", nil, unknown},
		"no such address":     {404, "", nil, unknown},
		"a failing server":    {502, "100-006", nil, unknown},
		"success, not as 200": {202, "0", nil, unknown},
		"no answer":           {0, "", errors.New("reset"), unknown},
	} {
		if got := p.judge(gateway.Answer{HTTPStatus: c.status, Retcode: c.retcode}, c.err); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestProof: what proves that a session that was refused is over, good or replaced.
func TestProof(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		evidence evidence
		want     finding
	}{
		"a call, no answer":                        {evidence{polled: true}, undecided},
		"a call, the gateway knows it":             {evidence{polled: true, opinion: alive}, good},
		"a call, polls are the wrong way":          {evidence{polled: true, opinion: pushed}, good},
		"a call, refused again":                    {evidence{polled: true, opinion: refused}, over},
		"a call, refused again, and a newer GUID":  {evidence{polled: true, opinion: refused, newer: true}, outdated},
		"a call before the first poll":             {evidence{opinion: refused}, undecided},
		"a call before the first poll, all good":   {evidence{opinion: alive}, good},
		"the first poll ever":                      {evidence{refusals: 1}, undecided},
		"the first two polls":                      {evidence{refusals: 2}, over},
		"a poll, nobody asked":                     {evidence{refusals: 1, polled: true}, undecided},
		"a poll, refused again":                    {evidence{refusals: 1, polled: true, opinion: refused}, over},
		"a poll, refused again, and a newer GUID":  {evidence{refusals: 1, polled: true, opinion: refused, newer: true}, outdated},
		"a poll, the gateway knows it":             {evidence{refusals: 1, polled: true, opinion: alive}, good},
		"two polls, no answer":                     {evidence{refusals: 2, polled: true}, over},
		"two polls, the gateway knows it":          {evidence{refusals: 2, polled: true, opinion: alive}, good},
		"three polls, the gateway knows it":        {evidence{refusals: 3, polled: true, opinion: alive}, over},
		"three polls, but they are the wrong way":  {evidence{refusals: 3, polled: true, opinion: pushed}, over},
		"three polls, and there is a newer GUID":   {evidence{refusals: 3, polled: true, newer: true}, outdated},
		"three polls, known, and a newer GUID too": {evidence{refusals: 3, polled: true, opinion: alive, newer: true}, outdated},
	} {
		if got := c.evidence.proves(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
