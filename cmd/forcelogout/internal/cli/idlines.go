package cli

import (
	"fmt"
	"hash/maphash"
)

// idLines finds one id for two different commands in a file. It keeps 24 bytes of each
// line, so that large files fit.
type idLines struct {
	seed maphash.Seed
	seen map[uint64]idLine // by VCC and id
}

type idLine struct {
	line    int
	content uint64
}

// idTwiceError says that two lines have one id and are not the same.
type idTwiceError struct {
	id            string
	first, second int
}

func (e *idTwiceError) Error() string {
	return fmt.Sprintf("lines %d and %d have the same id %s and are different commands", e.first, e.second, e.id)
}

func (l *idLines) add(row shiftRow) error {
	if l.seen == nil {
		l.seed, l.seen = maphash.MakeSeed(), map[uint64]idLine{}
	}
	data, err := row.command.Encode()
	if err != nil {
		return &lineError{row.line, err}
	}
	key := maphash.String(l.seed, row.vcc+"."+row.command.ID)
	content := maphash.Bytes(l.seed, data)
	first, there := l.seen[key]
	if there && first.content != content {
		return &idTwiceError{row.command.ID, first.line, row.line}
	}
	if !there {
		l.seen[key] = idLine{row.line, content}
	}
	return nil
}
