//go:build !linux

package turns

import "testing"

// CanPin says whether this system can keep a process on one core.
const CanPin = false

// Pin is for systems that can.
func Pin(b *testing.B) { b.Fatal("this system cannot keep a process on one core") }
