package messages

const (
	maxIDSize  = 64
	maxVCCSize = 32
)

// ValidateID checks a command id: 1-64 characters of [A-Za-z0-9_-]. The id is a
// subject token and the idempotency key. The error is an *InvalidError.
func ValidateID(id string) error {
	if isToken(id, maxIDSize) {
		return nil
	}
	return invalid("id", "must be 1-64 characters of [A-Za-z0-9_-], got "+quote(id))
}

// ValidateVCC checks the name of a virtual contact center: 1-32 characters of
// [A-Za-z0-9_-]. The error is an *InvalidError.
func ValidateVCC(vcc string) error {
	if isToken(vcc, maxVCCSize) {
		return nil
	}
	return invalid("vcc", "must be 1-32 characters of [A-Za-z0-9_-], got "+quote(vcc))
}

// ValidateWorkNo checks the number of an agent or inspector: decimal 101-999999
// without a leading zero. The error is an *InvalidError.
func ValidateWorkNo(workNo string) error {
	return checkWorkNo("workNo", workNo)
}

func checkWorkNo(field, s string) error {
	if isWorkNo(s) {
		return nil
	}
	return invalid(field, "must be decimal 101-999999 without a leading zero, got "+quote(s))
}

func isWorkNo(s string) bool {
	if len(s) < 3 || len(s) > 6 || s[0] == '0' {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != "100" // the only number of 3-6 digits that is below 101
}

func isToken(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return true
}

func isTokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		return true
	}
	return false
}
