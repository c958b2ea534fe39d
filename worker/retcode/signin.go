package retcode

import "slices"

// SignIn is what a refused sign-in calls for.
type SignIn int

// What refused sign-ins call for.
const (
	Later      SignIn = iota // the gateway cannot at the moment
	Taken                    // somebody is signed in as the inspector; a forced sign-in would do
	Kept                     // the same, and they cannot be forced out
	WrongWords               // wrong user or password: each is a step towards a locked account
	Unusable                 // the account needs a person; each try may lock it for longer
	Malformed                // a parameter is wrong, or nobody knows what is
)

// signIns is the table of a sign-in's answers [cec_07_1202, cec_07_1430].
func signIns() map[string]struct {
	what    SignIn
	meaning string
} {
	const (
		notNow    = "the gateway cannot sign in at the moment"
		parameter = "a parameter is wrong: check inspector and phone number"
		taken     = "somebody else is signed in as this inspector: end that session, or use --force-sign-in"
	)
	return map[string]struct {
		what    SignIn
		meaning string
	}{
		"000-000": {Later, notNow}, "000-004": {Later, notNow}, "000-007": {Later, notNow},
		"000-002": {Malformed, parameter}, "000-006": {Malformed, parameter},
		"100-001": {Malformed, parameter}, "100-011": {Malformed, parameter}, "100-012": {Malformed, parameter},
		"100-013": {Malformed, parameter}, "100-014": {Malformed, parameter}, "100-016": {Malformed, parameter}, "100-017": {Malformed, parameter},
		"100-002": {Taken, taken},
		"100-003": {Later, "a resource or provider is not available"},
		"100-004": {WrongWords, "wrong inspector or password: correct the password file"},
		"100-007": {Later, notNow},
		"100-015": {Kept, "somebody else is signed in as this inspector and cannot be forced out"},
		"100-020": {Unusable, "the password has expired: change it at the gateway and in the password file"},
		"100-021": {Later, "another sign-in is under way"},
		"105-001": {Later, notNow}, "105-002": {Later, notNow}, "105-003": {Later, notNow}, "105-004": {Later, notNow},
		"105-005": {Later, notNow}, "105-006": {Later, notNow}, "105-007": {Later, notNow},
		"110-016": {Unusable, "the account is locked: unlock it and check the password"},
		"110-021": {Unusable, "the account is locked: unlock it and check the password"},
		"900-001": {Later, notNow},
	}
}

// OfSignIn returns what the retcode of a refused sign-in calls for, and a phrase for
// people. Codes in taken mean what 100-002 means, as they do at some sites.
func OfSignIn(code string, taken []string) (SignIn, string) {
	table := signIns()
	if slices.Contains(taken, code) {
		code = "100-002"
	}
	if row, known := table[code]; known {
		return row.what, row.meaning
	}
	return Malformed, "the gateway refuses the sign-in"
}
