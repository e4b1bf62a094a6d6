package spec

import "time"

// Health is what a pool says about its workers [HLT-3].
type Health struct {
	Total     int       // workers of the pool
	Healthy   int       // workers that take calls
	Restarts  int       // restarts since the start of the pool
	LastCheck time.Time // when the last health check ended, zero before the first
}
