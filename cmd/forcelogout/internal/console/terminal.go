package console

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Colored reports whether w is a terminal whose user did not ask for plain text
// (https://no-color.org).
func Colored(w io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && TerminalWidth(w) > 0
}

// TerminalWidth is the number of columns of the terminal behind w, 0 where it is
// none.
func TerminalWidth(w io.Writer) int {
	file := fileOf(w)
	if file == nil {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// fileOf is the file behind a writer, nil where it is none.
func fileOf(w io.Writer) *os.File {
	if s, is := w.(*StickyWriter); is {
		w = s.to
	}
	file, _ := w.(*os.File)
	return file
}
