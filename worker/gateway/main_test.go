package gateway

import (
	"io"
	"log"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // as the program does: net/http prints what comes unasked
	os.Exit(m.Run())
}
