package fresh

import (
	"testing"

	"github.com/pyproctest/pyproctest/bench"
)

func BenchmarkFramer(b *testing.B) { bench.Framer(b, openFramer) }
func BenchmarkPool(b *testing.B)   { bench.Pool(b, openPool) }
