//go:build !race

package model

import "testing"

func skipUnderRace(*testing.T) {}
