package chart

// RoundTicks are at round values from 0 to the first beyond most. They have no text yet.
func RoundTicks(most float64) (ticks []Tick) {
	step := roundUp(most / 5)
	for v := 0.0; ; v += step {
		ticks = append(ticks, Tick{At: v})
		if v >= most {
			return ticks
		}
	}
}
