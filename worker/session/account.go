package session

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
)

// Account is one inspector and where its session comes from: exactly one of
// GUID, GUIDFile, Shared, Password, PasswordFile and NoPassword.
type Account struct {
	Inspector string // work number, 101–999999

	GUID     string // signed in by somebody else; a secret
	GUIDFile string // the same, in a file that is read again when it changes
	Shared   bool   // the same, in the sessions bucket

	Password     string // the workers sign the inspector in; a secret
	PasswordFile string // the same, read at each sign-in
	NoPassword   bool   // the same, with an empty one, as old sites allow
	Phone        string // where the deployment needs one
	Platform     bool   // sign in at the platform only: no media licence
	Force        bool   // sign in although somebody else is signed in, and evict them
}

// Source names where the session comes from, for people.
func (a Account) Source() string {
	switch {
	case a.GUIDFile != "":
		return "GUID from " + a.GUIDFile
	case a.GUID != "":
		return "GUID ******"
	case a.Shared:
		return "GUID from the sessions bucket"
	case a.PasswordFile != "":
		return "password from " + a.PasswordFile
	case a.NoPassword:
		return "no password"
	default:
		return "password ******"
	}
}

// SignIn says how the workers sign the inspector in, for people; "" where somebody else
// signs in.
func (a Account) SignIn() string {
	switch {
	case !a.kept():
		return ""
	case a.Platform && a.Force:
		return ", sign-in platform, by force"
	case a.Platform:
		return ", sign-in platform"
	case a.Force:
		return ", sign-in plain, by force"
	default:
		return ", sign-in plain"
	}
}

// String keeps the secrets out of whatever prints an account.
func (a Account) String() string { return "inspector " + a.Inspector + ", " + a.Source() }

// Validate reports what is wrong with the inspectors of a VCC and what to change.
// It reads the files.
func Validate(accounts []Account) error {
	if len(accounts) == 0 {
		return errors.New("no inspector: give at least one")
	}
	seen := map[string]bool{}
	for _, account := range accounts {
		if err := account.Validate(); err != nil {
			return err
		}
		if seen[account.Inspector] {
			return fmt.Errorf("inspector %s is there twice", account.Inspector)
		}
		seen[account.Inspector] = true
	}
	return nil
}

// Validate reports what is wrong with an account and what to change. It reads the
// files.
func (a Account) Validate() error {
	if err := messages.ValidateWorkNo(a.Inspector); err != nil {
		return fmt.Errorf("inspector %q: %w", a.Inspector, err)
	}
	if len(a.Phone) > gateway.MaxPhone {
		return fmt.Errorf("inspector %s: the phone number has %d characters, %d at most", a.Inspector, len(a.Phone), gateway.MaxPhone)
	}
	if err := a.oneSource(); err != nil {
		return fmt.Errorf("inspector %s: %w", a.Inspector, err)
	}
	var err error
	switch {
	case a.kept():
		_, err = a.credentials()
	case !a.Shared:
		_, err = a.given()
	}
	return err
}

func (a Account) oneSource() error {
	sources := 0
	for _, given := range []bool{a.GUID != "", a.GUIDFile != "", a.Shared, a.Password != "", a.PasswordFile != "", a.NoPassword} {
		if given {
			sources++
		}
	}
	switch {
	case sources == 0:
		return errors.New("no session: give --guid-file, --password-file or --session kv, or set FORCELOGOUT_GUID or FORCELOGOUT_PASSWORD")
	case sources > 1:
		return errors.New("more than one source of the session: keep one of GUID, password and --session kv")
	case !a.kept() && (a.Platform || a.Force || a.Phone != ""):
		return errors.New("phone, platform and forced sign-in go with a password only")
	}
	return nil
}

// kept reports whether workers sign the inspector in.
func (a Account) kept() bool { return a.Password != "" || a.PasswordFile != "" || a.NoPassword }

// given reads the session that somebody else has signed in: a GUID, or JSON with the
// cookies that belong to it, as in the bucket.
func (a Account) given() (gateway.Session, error) {
	raw, source := []byte(a.GUID), "the GUID"
	if a.GUIDFile != "" {
		data, err := os.ReadFile(a.GUIDFile)
		if err != nil {
			return gateway.Session{}, fmt.Errorf("reading the GUID file: %w", err)
		}
		raw, source = data, "GUID file "+a.GUIDFile
	}
	r, err := parseRecord(raw)
	if err == nil && r.GUID == "" {
		_, err = gateway.ParseGUID("")
	}
	if err != nil {
		return gateway.Session{}, fmt.Errorf("%s: %w", source, err)
	}
	return r.session(a.Inspector), nil
}

// withoutBOM cuts off the byte order mark that some editors put in front of a text.
func withoutBOM(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) }

// credentials reads the password. Only line ends and a byte order mark are cut off: a
// password may end with a space.
func (a Account) credentials() (gateway.Credentials, error) {
	password, source := a.Password, "the password"
	if a.PasswordFile != "" {
		data, err := os.ReadFile(a.PasswordFile)
		if err != nil {
			return gateway.Credentials{}, fmt.Errorf("reading the password file: %w", err)
		}
		password, source = strings.TrimRight(string(withoutBOM(data)), "\r\n"), "password file "+a.PasswordFile
	}
	switch {
	case password == "" && !a.NoPassword:
		return gateway.Credentials{}, fmt.Errorf("%s is empty: put in the inspector's password, or say --no-password where there is none", source)
	case len(password) > gateway.MaxPassword:
		return gateway.Credentials{}, fmt.Errorf("%s has %d bytes, %d at most: put in the password and nothing else", source, len(password), gateway.MaxPassword)
	case strings.ContainsAny(password, "\r\n\x00"):
		return gateway.Credentials{}, fmt.Errorf("%s has more than one line: put in the password and nothing else", source)
	}
	return gateway.Credentials{Inspector: a.Inspector, Password: password, Phone: a.Phone}, nil
}
