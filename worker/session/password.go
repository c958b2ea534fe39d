package session

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/forcelogout/forcelogout/worker/clock"
	"github.com/forcelogout/forcelogout/worker/retcode"
)

const (
	// wrongTries is how often a password is tried that the gateway calls wrong: five in
	// a row are a usual limit before the account is locked. Further passwords after a
	// wrong one get one try each.
	wrongTries = 2
	// wrongRest is the time between two tries of a wrong password.
	wrongRest = 2 * time.Minute
	// mostMarks is how many refused passwords are remembered.
	mostMarks = 8
	// markRounds makes guessing a password from its mark slow.
	markRounds = 20_000
)

// mark stands for a password that the gateway has refused: with it all workers, also
// those that start later, know that it need not be tried again.
type mark struct {
	Hash     string    `json:"hash"`
	Wrong    int       `json:"wrong,omitempty"`   // how often the gateway has called it wrong, in a row
	Unheard  int       `json:"unheard,omitempty"` // tries whose answer nobody has heard: the gateway may have counted them
	NotUntil time.Time `json:"notUntil,omitzero"` // when it may be tried again
}

// passwords knows which passwords may be tried.
type passwords struct {
	salt, password, hash string // of the last hashing, which is slow
}

// hashOf is the password's mark under a salt.
func (p *passwords) hashOf(salt, password string) string {
	if p.hash == "" || p.salt != salt || p.password != password {
		sum, err := pbkdf2.Key(sha256.New, password, []byte(salt), markRounds, 16)
		if err != nil {
			panic(err) // no length here can be refused
		}
		p.salt, p.password, p.hash = salt, password, hex.EncodeToString(sum)
	}
	return p.hash
}

func (p *passwords) find(r record, password string) int {
	if len(r.Refused) == 0 {
		return -1
	}
	hash := p.hashOf(r.Salt, password)
	return slices.IndexFunc(r.Refused, func(m mark) bool { return m.Hash == hash })
}

// wait is how long a password must not be tried. ever is false where it must never be
// tried again.
func (p *passwords) wait(r record, password string, now time.Time) (d time.Duration, ever bool) {
	i := p.find(r, password)
	if i < 0 {
		return 0, true
	}
	others := 0
	for j, m := range r.Refused {
		if j != i {
			others += m.Wrong
		}
	}
	if wrong := r.Refused[i].Wrong; wrong >= wrongTries || wrong > 0 && others > 0 {
		return 0, false
	}
	return max(0, r.Refused[i].NotUntil.Sub(now)), true
}

// why says for what reason a password must not be tried, where nothing else is known.
func (p *passwords) why(r record, password string) string {
	i := p.find(r, password)
	if i < 0 || r.Refused[i].Wrong > 0 {
		return "the gateway has refused the password: no sign-in before it changes"
	}
	until := " (next sign-in at " + r.Refused[i].NotUntil.UTC().Format(time.TimeOnly) + " UTC, or when the password changes)"
	if r.Refused[i].Unheard > 0 {
		return "nobody has heard the answers to sign-ins with this password, and the gateway may have counted them as wrong ones" + until
	}
	return "the gateway has refused the account" + until
}

// begin notes a try before it is made: the worker may end before the answer comes.
// Two tries without a heard answer stop further ones as two wrong ones would, but only
// for a time. The password of the last sign-in that worked is not suspected.
func (p *passwords) begin(r *record, password string, cfg Config) {
	hash := p.hashIn(r, password)
	if hash == r.Good {
		return
	}
	marks, i := marked(r.Refused, hash)
	marks[i].Unheard++
	switch tries := marks[i].Wrong + marks[i].Unheard; {
	case tries > wrongTries:
		marks[i].NotUntil = clock.Later(marks[i].NotUntil, cfg.Now().Add(cfg.LockRetry).UTC())
	case tries == wrongTries:
		marks[i].NotUntil = clock.Later(marks[i].NotUntil, cfg.Now().Add(wrongRest).UTC())
	}
	r.Refused = marks
}

// hashIn is the password's mark in the record.
func (p *passwords) hashIn(r *record, password string) string {
	if r.Salt == "" {
		r.Salt = rand.Text()
	}
	return p.hashOf(r.Salt, password)
}

// accept notes that the gateway has accepted the password.
func (p *passwords) accept(r *record, password string) {
	r.Good, r.Refused = p.hashIn(r, password), nil
}

// took forgets the unheard tries of a password that the gateway has accepted.
func (p *passwords) took(marks []mark, salt, password string) []mark {
	return slices.DeleteFunc(slices.Clone(marks), func(m mark) bool {
		return m.Wrong == 0 && m.Unheard > 0 && m.Hash == p.hashOf(salt, password)
	})
}

// marked returns a copy of the marks in which the password has one, and its place.
func marked(before []mark, hash string) (marks []mark, i int) {
	marks = slices.Clone(before)
	i = slices.IndexFunc(marks, func(m mark) bool { return m.Hash == hash })
	if i < 0 {
		marks = append(marks[max(0, len(marks)-mostMarks+1):], mark{Hash: hash})
		i = len(marks) - 1
	}
	return marks, i
}

// mark adds to the record what the gateway said of a password.
func (p *passwords) mark(r *record, password string, what retcode.SignIn, cfg Config) {
	hash := p.hashIn(r, password)
	if what == retcode.WrongWords && hash == r.Good {
		r.Good = ""
	}
	marks, i := marked(r.Refused, hash)
	marks[i].Unheard = max(0, marks[i].Unheard-1) // begin has counted this try, whose answer is here
	if what == retcode.WrongWords {
		marks[i].Wrong++
		marks[i].NotUntil = cfg.Now().Add(wrongRest).UTC()
	} else {
		marks[i].NotUntil = cfg.Now().Add(cfg.LockRetry).UTC()
	}
	r.Refused = marks
}
