package turns

import (
	"fmt"
	"os"
	"strings"
)

// Memory is what processes hold: all that is resident, and of that what is theirs alone, with what they share counted by
// halves or less (PSS).
func Memory(processes ...int) (resident, own float64, err error) {
	for _, pid := range processes {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, 0, err
		}
		for line := range strings.Lines(string(text)) {
			var name string
			var kilobytes float64
			if n, _ := fmt.Sscanf(line, "%s %f kB", &name, &kilobytes); n != 2 {
				continue
			}
			switch name {
			case "Rss:":
				resident += kilobytes * 1024
			case "Pss:":
				own += kilobytes * 1024
			}
		}
	}
	return resident, own, nil
}
