package admin

import (
	"regexp"
	"sync"
)

// maxRetcodes bounds the label's values: the vendor lists fewer, and a gateway, or what
// stands in for it, could send anything.
const maxRetcodes = 64

// retcodes are the values of the label retcode so far.
type retcodes struct {
	shape *regexp.Regexp

	mu   sync.Mutex
	seen map[string]bool
}

func newRetcodes() *retcodes {
	return &retcodes{shape: regexp.MustCompile(`^(0|[0-9]{3}-[0-9]{3})$`), seen: map[string]bool{}}
}

// label returns the retcode where it is one, "none" for no retcode, and "other" for what
// is too strange or one too many.
func (r *retcodes) label(code string) string {
	if code == "" {
		return "none"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.seen[code]:
		return code
	case len(r.seen) >= maxRetcodes || !r.shape.MatchString(code):
		return "other"
	default:
		r.seen[code] = true
		return code
	}
}
