package sim

// The retcodes that the rules answer [cec_07_0580, cec_07_1430; the 900 series
// from the vendor's client code].
const (
	codeSuccess       = "0"
	codePush          = "000-001" // wrong way to fetch events
	codeParameter     = "000-002" // bad parameter or address
	codePermission    = "000-003" // wrong GUID
	codeSelf          = "000-005" // the target is the inspector
	codeDuplicate     = "000-007" // called again before the answer
	codeNotSignedIn   = "100-006" // about the caller
	codeSignedIn      = "100-002" // already signed in
	codeWrongPassword = "100-004" // wrong user or password
	codePhone         = "100-012" // bad phone number
	codeHeld          = "100-015" // signed in elsewhere, cannot be forced out
	codeExpired       = "100-020" // password expired
	codeUnderWay      = "100-021" // another sign-in is under way
	codeLocked        = "110-021" // too many wrong passwords
	codeNoStateRight  = "300-001" // no right to ask [cec_07_0415]
	codeNoAgent       = "300-002" // unknown agent [cec_07_0415]
	codeNoProvider    = "900-001" // the CTI back end is not reachable
	codeNoRight       = "900-002" // no right to quality control
	codeUnavailable   = "900-003" // resource not available
)

// refusal is an answer of the gateway that is no success.
func refusal(code, message string) Answer {
	return Answer{Retcode: code, Message: message}
}
