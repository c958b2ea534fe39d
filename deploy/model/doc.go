// Package model is the protocol by which one command stays with one worker, small enough
// that all its histories can be tried. README.md says what it models, what it leaves
// out, and how to read what it finds.
package model
