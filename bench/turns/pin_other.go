//go:build !linux

package turns

import (
	"errors"
	"testing"
)

// CanPin says whether this system can keep a process on one core.
const CanPin = false

// Pin is for systems that can.
func Pin(b *testing.B) { b.Fatal(errCannotPin) }

// PinProcess is for systems that can.
func PinProcess() (unpin func() error, err error) { return nil, errCannotPin }

var errCannotPin = errors.New("this system cannot keep a process on one core")
