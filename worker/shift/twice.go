package shift

import (
	"fmt"
	"hash/maphash"
)

// IDs finds one id for two different commands in a file. It keeps 24 bytes of each
// line, so that large files fit.
type IDs struct {
	seed maphash.Seed
	seen map[uint64]idLine // by VCC and id
}

type idLine struct {
	line    int
	content uint64
}

// TwiceError says that two lines have one id and are not the same.
type TwiceError struct {
	id            string
	first, second int
}

func (e *TwiceError) Error() string {
	return fmt.Sprintf("lines %d and %d have the same id %s and are different commands", e.first, e.second, e.id)
}

// Add looks at one more row.
func (l *IDs) Add(row Row) error {
	if l.seen == nil {
		l.seed, l.seen = maphash.MakeSeed(), map[uint64]idLine{}
	}
	data, err := row.Command.Encode()
	if err != nil {
		return &LineError{Line: row.Line, Err: err}
	}
	key := maphash.String(l.seed, row.VCC+"."+row.Command.ID)
	content := maphash.Bytes(l.seed, data)
	first, there := l.seen[key]
	if there && first.content != content {
		return &TwiceError{row.Command.ID, first.line, row.Line}
	}
	if !there {
		l.seen[key] = idLine{row.Line, content}
	}
	return nil
}
