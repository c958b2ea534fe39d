// Package shift turns what workforce management has, files of a shift's end and times as
// people write them, into commands. Nothing about who and when is guessed.
//
// Data flow one way:
//
//	bytes → kind of file (kind.go: what is no table of text is refused by name)
//	      → records (csv.go, ndjson.go: named cells with their line)
//	      → rules (columns.go, where.go, shape.go: each column is a field, meta or ignored; rows are taken or left out)
//	      → times (times.go, when.go, zone.go) and the command (row.go, meta.go, id.go)
//	      → Row
//
// Read holds one record at a time, whatever the size of the file. IDs keeps 24 bytes of
// each row, to find one id for two commands. The package reads nothing but the reader it
// is given, and the time of day is a parameter.
package shift
