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
