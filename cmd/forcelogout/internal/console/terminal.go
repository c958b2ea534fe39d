package console

import (
	"io"
	"math"
	"os"

	"golang.org/x/term"
)

// Colored reports whether w is a terminal whose user did not ask for plain text
// (https://no-color.org).
func Colored(w io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && terminalWidth(w) > 0
}

// terminalWidth is the number of columns of the terminal behind w, 0 where it is
// none.
func terminalWidth(w io.Writer) int {
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

// LineWidth is how long a line may be: files and pipes take any.
func LineWidth(w io.Writer) int {
	if width := terminalWidth(w); width > 0 {
		return width
	}
	return math.MaxInt
}
