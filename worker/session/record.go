package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/forcelogout/forcelogout/worker/gateway"
)

// record is what the bucket holds under <vcc>.<inspector>: the session, and who
// keeps it. The GUID is the only secret in it, apart from the gateway's cookies.
// Another program may write the GUID alone, as text or as {"guid": "…"}.
type record struct {
	GUID   string `json:"guid"`
	Cookie string `json:"cookie,omitempty"`

	Former       string `json:"former,omitempty"` // the GUID before, as the session may have been given up by a mistake
	FormerCookie string `json:"formerCookie,omitempty"`

	SignedInBy   string    `json:"signedInBy,omitempty"` // the worker that signed in
	SignedInAt   time.Time `json:"signedInAt,omitzero"`
	Checked      uint64    `json:"checked,omitempty"`     // counts how often a refused session was found good
	PasswordEnds time.Time `json:"passwordEnds,omitzero"` // as said at the sign-in; zero where nothing was

	Keeper string `json:"keeper,omitempty"` // the worker that keeps the session, "" for none
	Lease  string `json:"lease,omitempty"`  // the keeper's lease, different at each taking

	Problem string    `json:"problem,omitempty"` // why there is no session, for people
	Orphan  time.Time `json:"orphan,omitzero"`   // until when a session may live whose GUID nobody has heard
	Salt    string    `json:"salt,omitempty"`    // of the marks
	Good    string    `json:"good,omitempty"`    // the mark of the password that the gateway accepted last
	Refused []mark    `json:"refused,omitempty"` // passwords that were tried or refused since the last sign-in that worked
}

// empty reports whether there is no record.
func (r record) empty() bool {
	return r.GUID == "" && r.Former == "" && r.Keeper == "" && r.Lease == "" && r.Problem == "" && len(r.Refused) == 0 && r.Orphan.IsZero()
}

// end turns the session into the former one.
func (r *record) end() {
	if r.GUID != "" {
		r.Former, r.FormerCookie = r.GUID, r.Cookie
	}
	r.GUID, r.Cookie = "", ""
}

func (r record) session(inspector string) gateway.Session {
	return gateway.Session{Inspector: inspector, GUID: r.GUID, Cookie: r.Cookie}
}

// parseRecord reads what is in the bucket. The error never holds the value.
func parseRecord(data []byte) (record, error) {
	data = bytes.TrimSpace(withoutBOM(data))
	if len(data) == 0 {
		return record{}, nil
	}
	var r record
	if data[0] != '{' {
		guid, err := gateway.ParseGUID(string(data))
		return record{GUID: guid}, err
	}
	if json.Unmarshal(data, &r) != nil {
		return record{}, errors.New(`it is neither a GUID nor JSON like {"guid": "…"}`)
	}
	if r.GUID == "" {
		return r, nil
	}
	if !httpguts.ValidHeaderFieldValue(r.Cookie) {
		return record{}, errors.New("the cookie holds characters that no header value has: put in one line")
	}
	guid, err := gateway.ParseGUID(r.GUID)
	r.GUID = guid
	return r, err
}

// notARecord tells people that a value in the bucket is no record.
func notARecord(err error) record {
	return record{Problem: "what the bucket holds is no session: " + err.Error()}
}
