package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is a kind of call.
type Kind struct {
	Method string
	Body   json.RawMessage
	Weight int // how many of all calls are of this kind, beside the weights of the others
}

// Mix is the kinds of calls that come, in no order.
type Mix []Kind

// DefaultMix is calls of echo with 64 bytes.
var DefaultMix = Mix{echo(64, 1)}

// echo is a call with a JSON string of so many bytes, quotes included.
func echo(size, weight int) Kind {
	return Kind{"echo", slices.Concat([]byte(`"`), bytes.Repeat([]byte("x"), size-2), []byte(`"`)), weight}
}

var bytesPattern = regexp.MustCompile(`^(\d+)(B|KB|MB)$`)

// ParseMix reads a mix such as 64B:90,10KB:9,sleep=5ms:1: kinds with their weights. A size is a call of echo with so many
// bytes, and sleep=5ms a call of sleep, a handler that takes that long. A kind without a weight has the weight 1.
func ParseMix(text string) (Mix, error) {
	var mix Mix
	for part := range strings.SplitSeq(text, ",") {
		what, weightText, given := strings.Cut(strings.TrimSpace(part), ":")
		weight := 1
		if given {
			var err error
			if weight, err = strconv.Atoi(weightText); err != nil || weight < 1 || weight > 1_000_000 {
				return nil, fmt.Errorf("%q: the weight of %s must be a number from 1 to 1000000", part, what)
			}
		}
		kind, err := parseKind(what)
		if err != nil {
			return nil, err
		}
		kind.Weight = weight
		mix = append(mix, kind)
	}
	return mix, nil
}

func parseKind(what string) (Kind, error) {
	const most = 8 << 20 // below the max_payload of a pool
	if m := bytesPattern.FindStringSubmatch(what); m != nil {
		n, err := strconv.Atoi(m[1])
		n *= map[string]int{"B": 1, "KB": 1 << 10, "MB": 1 << 20}[m[2]]
		if err != nil || n < 2 || n > most {
			return Kind{}, fmt.Errorf("%q: a size is from 2B, which is an empty JSON string, to 8MB", what)
		}
		return echo(n, 1), nil
	}
	if text, ok := strings.CutPrefix(what, "sleep="); ok {
		d, err := time.ParseDuration(text)
		if err != nil || d < time.Millisecond || d > time.Minute {
			return Kind{}, fmt.Errorf("%q: sleep takes a time from 1ms to 1m, such as sleep=5ms", what)
		}
		return Kind{"sleep", json.RawMessage(fmt.Sprintf(`{"ms":%d}`, d.Milliseconds())), 1}, nil
	}
	return Kind{}, fmt.Errorf("%q is no kind of call: give a size such as 64B, 10KB or 1MB, or a slow handler such as sleep=5ms", what)
}

// pick chooses a kind by the weights.
func (m Mix) pick(random *rand.Rand) Kind {
	all := 0
	for _, k := range m {
		all += k.Weight
	}
	n := random.IntN(all)
	for _, k := range m {
		if n -= k.Weight; n < 0 {
			return k
		}
	}
	return m[len(m)-1]
}
