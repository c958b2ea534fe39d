package worker

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"testing"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// TestClassify holds the table against the one in GATEWAY.md, row by row.
func TestClassify(t *testing.T) {
	t.Parallel()
	const ask = true
	codes := map[string]struct {
		class Class
		ask   bool
	}{
		"0":       {ClassSuccess, false},
		"000-001": {ClassPermanent, false}, "000-002": {ClassPermanent, false}, "000-006": {ClassPermanent, false},
		"000-003": {ClassSession, false}, "100-006": {ClassSession, false}, "105-005": {ClassSession, false}, "105-006": {ClassSession, false},
		"105-001": {ClassSession, false}, "105-007": {ClassSession, false},
		"105-003": {ClassTransient, false}, "105-004": {ClassTransient, false}, "000-000": {ClassTransient, ask},
		"000-004": {ClassTransient, false}, "105-002": {ClassTransient, false}, "000-007": {ClassTransient, false},
		"000-005": {ClassPermanent, false},
		"100-007": {ClassTransient, false}, "100-009": {ClassTransient, false}, "100-010": {ClassTransient, false},
		"100-008": {ClassTransient, ask},
		"900-001": {ClassTransient, false}, "900-002": {ClassTransient, false},
		"900-003": {ClassTransient, ask}, "900-004": {ClassTransient, ask}, "900-005": {ClassTransient, ask}, "900-009": {ClassTransient, ask},
		"900-010": {ClassTransient, ask}, "300-001": {ClassTransient, ask}, "nonsense": {ClassTransient, ask},
	}
	c, err := newClassifier(nil)
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range codes {
		got := c.classify(gateway.Answer{HTTPStatus: 200, Retcode: code}, nil)
		if got.class != want.class || (got.hint == askState) != want.ask || got.meaning == "" {
			t.Errorf("retcode %s: %+v, want %+v", code, got, want)
		}
	}
	statuses := map[int]Class{
		200: ClassTransient, 204: ClassTransient, 302: ClassTransient, 400: ClassPermanent, 401: ClassSession, 403: ClassSession,
		404: ClassPermanent, 405: ClassPermanent, 408: ClassTransient, 425: ClassTransient, 429: ClassTransient,
		500: ClassTransient, 502: ClassTransient, 503: ClassTransient, 599: ClassTransient,
	}
	for status, want := range statuses {
		if got := c.classify(gateway.Answer{HTTPStatus: status}, nil); got.class != want || (got.hint == askState) {
			t.Errorf("HTTP %d: %+v, want %s", status, got, want)
		}
	}
}

// TestClassifyBoth: a status that no gateway sends goes before the body.
func TestClassifyBoth(t *testing.T) {
	t.Parallel()
	c, err := newClassifier(nil)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		status int
		code   string
		want   Class
	}{
		{502, "0", ClassTransient}, {500, "000-002", ClassTransient}, {401, "0", ClassSession},
		{400, "100-006", ClassSession}, {400, "0", ClassTransient}, {302, "0", ClassTransient}, {201, "0", ClassSuccess},
	}
	for _, row := range cases {
		if got := c.classify(gateway.Answer{HTTPStatus: row.status, Retcode: row.code}, nil); got.class != row.want {
			t.Errorf("HTTP %d with %s: %+v, want %s", row.status, row.code, got, row.want)
		}
	}
}

func TestClassifyFailures(t *testing.T) {
	t.Parallel()
	c, err := newClassifier(nil)
	if err != nil {
		t.Fatal(err)
	}
	meanings := map[string]bool{}
	for _, failure := range []error{errors.New("reset"), fmt.Errorf("x: %w", context.DeadlineExceeded), x509.UnknownAuthorityError{}} {
		got := c.classify(gateway.Answer{}, failure)
		if got.class != ClassTransient {
			t.Errorf("%v: %+v", failure, got)
		}
		meanings[got.meaning] = true
	}
	if len(meanings) != 3 {
		t.Errorf("an operator cannot tell the failures apart: %v", meanings)
	}
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	c, err := newClassifier(map[string]Class{"900-002": ClassPermanent, "777-001": ClassTransient})
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range map[string]Class{"900-002": ClassPermanent, "777-001": ClassTransient, "900-001": ClassTransient} {
		if got := c.classify(gateway.Answer{HTTPStatus: 200, Retcode: code}, nil); got.class != want {
			t.Errorf("%s: %+v, want %s", code, got, want)
		}
	}
	for code, class := range map[string]Class{"0": ClassTransient, "": ClassTransient, "900-001": "never", "900-003": ClassSuccess} {
		if _, err := newClassifier(map[string]Class{code: class}); err == nil {
			t.Errorf("%q=%s was accepted", code, class)
		}
	}
}
