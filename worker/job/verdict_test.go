package job

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"testing"

	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/retcode"
)

func classifier(t testing.TB, changes map[string]retcode.Class) *Classifier {
	t.Helper()
	table, err := retcode.New(changes)
	if err != nil {
		t.Fatal(err)
	}
	return NewClassifier(table)
}

// TestClassify holds the table against the one in GATEWAY.md, row by row.
func TestClassify(t *testing.T) {
	t.Parallel()
	const ask = true
	codes := map[string]struct {
		class retcode.Class
		ask   bool
	}{
		"0":       {retcode.Success, false},
		"000-001": {retcode.Permanent, false}, "000-002": {retcode.Permanent, false}, "000-006": {retcode.Permanent, false},
		"000-003": {retcode.Session, false}, "100-006": {retcode.Session, false}, "105-005": {retcode.Session, false}, "105-006": {retcode.Session, false},
		"105-001": {retcode.Session, false}, "105-007": {retcode.Session, false},
		"105-003": {retcode.Transient, false}, "105-004": {retcode.Transient, false}, "000-000": {retcode.Transient, ask},
		"000-004": {retcode.Transient, false}, "105-002": {retcode.Transient, false}, "000-007": {retcode.Transient, false},
		"000-005": {retcode.Permanent, false},
		"100-007": {retcode.Transient, false}, "100-009": {retcode.Transient, false}, "100-010": {retcode.Transient, false},
		"100-008": {retcode.Transient, ask},
		"900-001": {retcode.Transient, false}, "900-002": {retcode.Transient, false},
		"900-003": {retcode.Transient, ask}, "900-004": {retcode.Transient, ask}, "900-005": {retcode.Transient, ask}, "900-009": {retcode.Transient, ask},
		"900-010": {retcode.Transient, ask}, "300-001": {retcode.Transient, ask}, "nonsense": {retcode.Transient, ask},
	}
	c := classifier(t, nil)
	for code, want := range codes {
		got := c.Call(gateway.Answer{HTTPStatus: 200, Retcode: code}, nil)
		if got.Class != want.class || (got.Hint == AskState) != want.ask || got.Meaning == "" {
			t.Errorf("retcode %s: %+v, want %+v", code, got, want)
		}
	}
	statuses := map[int]retcode.Class{
		200: retcode.Transient, 204: retcode.Transient, 302: retcode.Transient, 400: retcode.Permanent, 401: retcode.Session, 403: retcode.Session,
		404: retcode.Permanent, 405: retcode.Permanent, 408: retcode.Transient, 425: retcode.Transient, 429: retcode.Transient,
		500: retcode.Transient, 502: retcode.Transient, 503: retcode.Transient, 599: retcode.Transient,
	}
	for status, want := range statuses {
		if got := c.Call(gateway.Answer{HTTPStatus: status}, nil); got.Class != want || (got.Hint == AskState) {
			t.Errorf("HTTP %d: %+v, want %s", status, got, want)
		}
	}
}

// TestClassifyBoth: a status that no gateway sends goes before the body.
func TestClassifyBoth(t *testing.T) {
	t.Parallel()
	c := classifier(t, nil)
	cases := []struct {
		status int
		code   string
		want   retcode.Class
	}{
		{502, "0", retcode.Transient}, {500, "000-002", retcode.Transient}, {401, "0", retcode.Session},
		{400, "100-006", retcode.Session}, {400, "0", retcode.Transient}, {302, "0", retcode.Transient}, {201, "0", retcode.Success},
	}
	for _, row := range cases {
		if got := c.Call(gateway.Answer{HTTPStatus: row.status, Retcode: row.code}, nil); got.Class != row.want {
			t.Errorf("HTTP %d with %s: %+v, want %s", row.status, row.code, got, row.want)
		}
	}
}

func TestClassifyFailures(t *testing.T) {
	t.Parallel()
	c := classifier(t, nil)
	meanings := map[string]bool{}
	for _, failure := range []error{errors.New("reset"), fmt.Errorf("x: %w", context.DeadlineExceeded), x509.UnknownAuthorityError{}} {
		got := c.Call(gateway.Answer{}, failure)
		if got.Class != retcode.Transient {
			t.Errorf("%v: %+v", failure, got)
		}
		meanings[got.Meaning] = true
	}
	if len(meanings) != 3 {
		t.Errorf("an operator cannot tell the failures apart: %v", meanings)
	}
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	c := classifier(t, map[string]retcode.Class{"900-002": retcode.Permanent, "777-001": retcode.Transient})
	for code, want := range map[string]retcode.Class{"900-002": retcode.Permanent, "777-001": retcode.Transient, "900-001": retcode.Transient} {
		if got := c.Call(gateway.Answer{HTTPStatus: 200, Retcode: code}, nil); got.Class != want {
			t.Errorf("%s: %+v, want %s", code, got, want)
		}
	}
	for code, class := range map[string]retcode.Class{"0": retcode.Transient, "": retcode.Transient, "900-001": "never", "900-003": retcode.Success} {
		if _, err := retcode.New(map[string]retcode.Class{code: class}); err == nil {
			t.Errorf("%q=%s was accepted", code, class)
		}
	}
}

// TestState: what a gateway says to a question with an unknown code it will say later, too.
func TestState(t *testing.T) {
	t.Parallel()
	c := classifier(t, nil)
	for code, class := range map[string]retcode.Class{"300-001": retcode.Permanent, "900-003": retcode.Transient, "0": retcode.Success} {
		if got := c.State(gateway.Answer{HTTPStatus: 200, Retcode: code}, nil); got.Class != class || got.Few {
			t.Errorf("%s: %+v, want %s", code, got, class)
		}
	}
}

// TestUnsentIsNeverReached: only what was surely not sent tells that a call had no effect.
func TestUnsentIsNeverReached(t *testing.T) {
	t.Parallel()
	c := classifier(t, nil)
	for err, hint := range map[error]Hint{
		new(gateway.UnsentError): NeverReached,
		&gateway.CodingError{}:   WholeGateway,
		errors.New("reset"):      WholeGateway,
	} {
		if got := c.Call(gateway.Answer{}, err); got.Hint != hint {
			t.Errorf("%T: %+v", err, got)
		}
	}
}

// TestTrouble: the phrase has all that the answer tells, and nothing that the answer does not.
func TestTrouble(t *testing.T) {
	t.Parallel()
	v := Verdict{Class: retcode.Transient, Meaning: "not now"}
	for want, c := range map[string]struct {
		answer gateway.Answer
		err    error
		v      Verdict
	}{
		"":                      {gateway.Answer{HTTPStatus: 200, Retcode: "0"}, nil, Verdict{Class: retcode.Success}},
		"not now: reset":        {gateway.Answer{}, errors.New("reset"), v},
		"HTTP 502, not now":     {gateway.Answer{HTTPStatus: 502}, nil, v},
		"900-003 not now":       {gateway.Answer{HTTPStatus: 200, Retcode: "900-003"}, nil, v},
		"900-003 not now (bad)": {gateway.Answer{HTTPStatus: 200, Retcode: "900-003", Message: "bad"}, nil, v},
	} {
		if got := Trouble(c.answer, c.err, c.v); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
