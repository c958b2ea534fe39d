package session

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecretFiles: what people put into files is taken as it is meant, and nothing of a
// password is cut off but the end of its line.
func TestSecretFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(text string) string {
		name := filepath.Join(dir, "secret")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	long := strings.Repeat("c1phertext+/=", 19)
	for text, want := range map[string]string{
		"pw\n": "pw", "pw\r\n": "pw", "\xef\xbb\xbfpw\r\n": "pw", " p w \n": " p w ", long: long,
		"": "", "\n": "", "two\nlines": "", strings.Repeat("x", 257): "",
	} {
		a := Account{Inspector: "1001", PasswordFile: file(text)}
		got, err := a.credentials()
		if (err == nil) != (want != "") || got.Password != want {
			t.Errorf("%q: %q, %v", text, got.Password, err)
		}
	}
	for text, want := range map[string]string{
		someGUID: "", "\xef\xbb\xbf" + someGUID + "\r\n": "", `{"guid":"` + someGUID + `","cookie":"route=n1"}`: "route=n1",
	} {
		a := Account{Inspector: "1001", GUIDFile: file(text)}
		if got, err := a.given(); err != nil || got.GUID != someGUID || got.Cookie != want {
			t.Errorf("%q: %#v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "\n", "{}", `{"guid":""}`, `{"cookie":"route=n1"}`, `{"guid":"` + someGUID + `","cookie":"a=1\nb=2"}`} {
		if _, err := (Account{Inspector: "1001", GUIDFile: file(text)}).given(); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// TestSources: exactly one source of the session, and no password only where it is
// said.
func TestSources(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		account Account
		good    bool
	}{
		{Account{NoPassword: true}, true},
		{Account{NoPassword: true, Platform: true, Force: true}, true},
		{Account{NoPassword: true, Password: "x"}, false},
		{Account{Password: "x", GUID: someGUID}, false},
		{Account{Shared: true, Force: true}, false},
		{Account{}, false},
	} {
		c.account.Inspector = "1001"
		if err := c.account.Validate(); (err == nil) != c.good {
			t.Errorf("%+v: %v", c.account, err)
		}
	}
}
