// Package report makes the forced-logout report of a day from the results that NATS
// keeps: Read reads a day, and CSV, JSON and HTML render what was read. It is also the
// one home of what a result's line in a file says.
//
// A result is on the day of its planned time. A command that was to run at once has none:
// it is on the day of its first call, and without a call on the day of its end. A day
// lasts from one beginning to the next by the clock of a zone, midnight unless the reader
// says otherwise: who works shifts across midnight takes a beginning at which nobody
// changes, so that a shift's end at 00:30 is on the evening that it belongs to. A day on
// which the clocks change has 23 or 25 hours.
package report
