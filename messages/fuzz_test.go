package messages_test

import (
	"bytes"
	"reflect"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/forcelogout/forcelogout/messages"
)

// FuzzDecode: whatever the bytes are, nothing panics, an accepted command
// survives the way over the wire, an error can be a NATS header, and the schema is of one
// mind with the decoder.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		full,
		`{"id":"a","workNo":"101"}`,
		`{"id":"a","workNo":"101","expiresat":"2026-01-31T18:15:00Z"}`,
		`{"id":"a","workNo":"101","id":"b"}`,
		`{"id":"a","workNo":"101","meta":{"k":"1","k":"2"}}`,
		`{"id":"a","workNo":"101","expiresAt":"9999-12-31T23:59:59-01:00"}`,
		`{"id":"a","workNo":"101","reason":"\"\\\u00fc\u2028"}`,
		`{"id":"a","workNo":"101"} trailing`,
		`{"id":null,"workNo":101}`,
		"{\"id\":\"a\",\"workNo\":\"\xff\"}",
		`[]`,
	} {
		f.Add([]byte(seed))
	}
	contract := newContract(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		c, err := messages.DecodeCommand(data)
		id, workNo, ok := messages.Identify(data)
		if !bytes.Equal(before, data) {
			t.Fatal("the payload was changed")
		}
		checkIdentity(t, id, workNo, ok)
		if err := contract.Command(data); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			checkInvalid(t, err)
			return
		}
		if !ok || id != c.ID || workNo != c.WorkNo {
			t.Fatalf("Identify says %q %q %v of the valid %+v", id, workNo, ok, c)
		}
		checkRoundTrip(t, c)
	})
}

func checkIdentity(t *testing.T, id, workNo string, ok bool) {
	t.Helper()
	if !ok && id+workNo != "" {
		t.Fatalf("not ok but %q %q", id, workNo)
	}
	if ok && (messages.ValidateID(id) != nil || messages.ValidateWorkNo(workNo) != nil) {
		t.Fatalf("ok but %q %q", id, workNo)
	}
}

func checkRoundTrip(t *testing.T, c messages.Command) {
	t.Helper()
	data, err := c.Encode()
	if err != nil {
		t.Fatalf("decoded but not encoded: %v", err)
	}
	if len(data) > messages.MaxCommandSize {
		t.Fatalf("%d bytes", len(data))
	}
	again, err := messages.DecodeCommand(data)
	if err != nil {
		t.Fatalf("%v, in %s", err, data)
	}
	if !reflect.DeepEqual(c, again) {
		t.Fatalf("got  %+v\nwant %+v", again, c)
	}
}

func checkHeaderText(t *testing.T, text string) {
	t.Helper()
	if text == "" || len(text) > 300 || !utf8.ValidString(text) {
		t.Fatalf("no text for a header, %d bytes: %q", len(text), text)
	}
	for _, r := range text {
		if !unicode.IsPrint(r) {
			t.Fatalf("%U in %q", r, text)
		}
	}
}
