package conformance_test

import "testing"

// plantedNow is all planted faults, and one in four of them under -short: the race detector is there to find
// races of the suite, for which a few faults of each kind are enough, and it makes each several times dearer.
func plantedNow[F any](all []F) []F {
	if !testing.Short() {
		return all
	}
	var some []F
	for i := 0; i < len(all); i += 4 {
		some = append(some, all[i])
	}
	return some
}
