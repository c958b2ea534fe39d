package model

import (
	"encoding/binary"
	"unsafe"
)

// bytesOf is a state as it lies in memory. All its fields are one byte wide, so nothing
// lies between them.
func bytesOf(s *state) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(s)), unsafe.Sizeof(*s))
}

// frontier is a list of states, most of whose bytes are zero.
type frontier struct {
	data []byte // per state: (zeros before, byte), until the end
}

// end follows the last byte of a state: no state has so many zeros at once and a byte 0.
const end = 0

func (f *frontier) add(s *state) {
	raw := bytesOf(s)
	zeros := 0
	for i := 0; i < len(raw); {
		if raw[i] == 0 {
			if i+8 <= len(raw) && binary.LittleEndian.Uint64(raw[i:]) == 0 {
				zeros += 8
				i += 8
				continue
			}
			zeros++
			i++
			continue
		}
		for ; zeros > 254; zeros -= 254 {
			f.data = append(f.data, 255)
		}
		f.data = append(f.data, byte(zeros), raw[i])
		zeros = 0
		i++
	}
	f.data = append(f.data, 0, end)
}

// emptied is an empty list in the same memory.
func (f *frontier) emptied() frontier { return frontier{data: f.data[:0]} }

// next reads the state at a place, and returns the place of the one behind it.
func (f *frontier) next(at int, s *state) int {
	*s = state{}
	raw := bytesOf(s)
	for i := 0; ; {
		if f.data[at] == 255 {
			i += 254
			at++
			continue
		}
		if f.data[at] == 0 && f.data[at+1] == end {
			return at + 2
		}
		i += int(f.data[at])
		raw[i] = f.data[at+1]
		i++
		at += 2
	}
}
