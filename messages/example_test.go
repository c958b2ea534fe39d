package messages_test

import (
	"fmt"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// A publisher builds a command, encodes it and sends it with the header
// Nats-Msg-Id set to the id.
func ExampleCommand_Encode() {
	shiftEnd := time.Date(2026, 1, 31, 18, 0, 0, 0, time.UTC)
	command := messages.Command{
		ID:        "shift-7-30012", // a UUIDv7 where nothing natural is at hand
		WorkNo:    "30012",
		NotBefore: shiftEnd,
		ExpiresAt: shiftEnd.Add(10 * time.Minute),
		Reason:    "shift-end",
		Meta:      map[string]string{"shift": "7"},
	}
	payload, err := command.Encode()
	if err != nil {
		fmt.Println(err) // one line that names the field
		return
	}
	fmt.Println(messages.DefaultPrefix.Commands(messages.DefaultVCC))
	fmt.Println(string(payload))
	// Output:
	// forcelogout.commands.default
	// {"id":"shift-7-30012","workNo":"30012","notBefore":"2026-01-31T18:00:00Z","expiresAt":"2026-01-31T18:10:00Z","reason":"shift-end","meta":{"shift":"7"}}
}

// The error tells a publisher what to change.
func ExampleDecodeCommand() {
	_, err := messages.DecodeCommand([]byte(`{"id":"a","workNo":"30012","expiresat":"2026-01-31T18:10:00Z"}`))
	fmt.Println(err)
	_, err = messages.DecodeCommand([]byte(`{"id":"a","workNo":"9"}`))
	fmt.Println(err)
	// Output:
	// unknown field "expiresat", did you mean expiresAt?
	// workNo: must be decimal 101-999999 without a leading zero, got "9"
}
