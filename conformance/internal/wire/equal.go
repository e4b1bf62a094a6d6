package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
)

// DiffBody says how a body differs from the wanted one, and is empty if they are equal [MSG-7]. An absent body is null
// [MSG-15].
func DiffBody(want string, got []byte) string {
	if len(got) == 0 {
		got = []byte("null")
	}
	return DiffJSON([]byte(want), got)
}

// DiffJSON says how two JSON texts differ as values, and is empty if they are equal in the sense of [MSG-7]: integers within
// 64 bits and strings exactly, other numbers as IEEE doubles.
func DiffJSON(want, got []byte) string {
	a, err := decodeJSON(want)
	if err != nil {
		return "the suite cannot read its own value: " + err.Error()
	}
	b, err := decodeJSON(got)
	if err != nil {
		return "no well-formed JSON: " + err.Error()
	}
	if path, d := differ(a, b); d != "" {
		return "the value" + path + d
	}
	return ""
}

func decodeJSON(text []byte) (any, error) {
	var value any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err := d.Decode(&value)
	return value, err
}

// differ returns where two values first differ, and how. how is empty if they are equal.
func differ(want, got any) (path, how string) {
	switch w := want.(type) {
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			break
		}
		for i := range w {
			if path, how := differ(w[i], g[i]); how != "" {
				return fmt.Sprintf("[%d]", i) + path, how
			}
		}
		return "", ""
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || !slices.Equal(slices.Sorted(maps.Keys(w)), slices.Sorted(maps.Keys(g))) {
			break
		}
		for key := range w {
			if path, how := differ(w[key], g[key]); how != "" {
				return fmt.Sprintf("[%q]", key) + path, how
			}
		}
		return "", ""
	case json.Number:
		if g, ok := got.(json.Number); ok && sameNumber(string(w), string(g)) {
			return "", ""
		}
	default: // nil, bool, string
		if want == got {
			return "", ""
		}
	}
	return "", fmt.Sprintf(" is %s and should be %s", brief(got), brief(want))
}

// sameNumber compares two numbers as [MSG-7] demands: exactly if want is an integer within 64 bits, else as doubles.
func sameNumber(want, got string) bool {
	if w, ok := new(big.Int).SetString(want, 10); ok && w.BitLen() <= 64 && !(w.Sign() < 0 && w.Cmp(big.NewInt(-1<<63)) < 0) {
		if len(got) > 40 { // more digits than such an integer ever has
			return false
		}
		if mantissa, exponent, ok := strings.Cut(strings.ToLower(got), "e"); ok && (len(exponent) > 3 || mantissa == "") {
			return false
		}
		g, ok := new(big.Rat).SetString(got)
		return ok && g.Cmp(new(big.Rat).SetInt(w)) == 0
	}
	w, err1 := json.Number(want).Float64()
	g, err2 := json.Number(got).Float64()
	return err1 == nil && err2 == nil && w == g
}

// brief returns the beginning of a value as JSON.
func brief(value any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return err.Error()
	}
	return text.Clip(strings.TrimSpace(b.String()), 100)
}
