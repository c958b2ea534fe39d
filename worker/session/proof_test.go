package session

import "testing"

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
