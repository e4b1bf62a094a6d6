package main

// placement says where the processes of a row may run. It is a part of the row's name, for a wake-up
// across cores costs more than a whole small call.
type placement string

const (
	pinned   placement = "pinned"   // this side and the other on one core
	unpinned placement = "unpinned" // wherever the system puts them
)

// placements that this system offers, for rows with two sides.
func placements() []placement {
	if canPin {
		return []placement{pinned, unpinned}
	}
	return []placement{unpinned}
}
