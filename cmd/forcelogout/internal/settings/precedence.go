package settings

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// settleNATS applies the order of precedence; explicit tells which flags the command
// line has.
func (f *Connection) settleNATS(explicit func(flag string) bool) error {
	if explicit("nats") && explicit("context") {
		return errors.New("--nats and --context: give one of them")
	}
	if explicit("js-domain") && explicit("js-api-prefix") {
		return errors.New("--js-domain and --js-api-prefix: give one of them")
	}
	f.fromEnvironment, f.tokenFromEnvironment = true, true
	switch {
	case explicit("nats"):
		f.Context = "" // the environment's
	case explicit("context"):
		f.forget(explicit)
	}
	return f.oneOf(explicit)
}

// forget drops all that the environment says of the connection: the context that was asked
// for says it.
func (f *Connection) forget(explicit func(string) bool) {
	for flag, value := range map[string]*string{
		"nats": &f.NATS, "nats-user": &f.User, "nats-password-file": &f.PasswordIn, "nats-token-file": &f.TokenIn,
		"creds": &f.Creds, "nkey": &f.NKey, "tls-ca": &f.TLSCA, "tls-cert": &f.TLSCert, "tls-key": &f.TLSKey,
		"inbox-prefix": &f.InboxPrefix, "js-domain": &f.JSDomain, "js-api-prefix": &f.JSPrefix,
	} {
		if !explicit(flag) {
			*value = ""
		}
	}
	if !explicit("tls-first") {
		f.TLSFirst = false
	}
	f.fromEnvironment, f.tokenFromEnvironment = false, false
}

// oneOf makes sure that one way is left to say who one is: that of a flag, else the
// environment's.
func (f *Connection) oneOf(explicit func(string) bool) error {
	ways := map[string]*string{"creds": &f.Creds, "nkey": &f.NKey, "nats-user": &f.User, "nats-token-file": &f.TokenIn}
	var byFlag, all []string
	for flag, value := range ways {
		if *value != "" {
			all = append(all, "--"+flag)
		}
		if explicit(flag) {
			byFlag = append(byFlag, "--"+flag)
		}
	}
	slices.Sort(all)
	slices.Sort(byFlag)
	switch {
	case len(byFlag) > 1:
		return fmt.Errorf("%s: give one of them", strings.Join(byFlag, ", "))
	case len(byFlag) == 1:
		for flag, value := range ways {
			if "--"+flag != byFlag[0] {
				*value = ""
			}
		}
		f.tokenFromEnvironment = false
	case len(all) > 1:
		return fmt.Errorf("the environment has %s: give one of them", strings.Join(all, ", "))
	}
	for one, other := range map[string]*string{"js-domain": &f.JSPrefix, "js-api-prefix": &f.JSDomain} {
		if explicit(one) {
			*other = ""
		}
	}
	if f.JSDomain != "" && f.JSPrefix != "" {
		return errors.New("--js-domain and --js-api-prefix: give one of them")
	}
	return nil
}
