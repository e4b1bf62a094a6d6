package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// plant is a change for the worse of one source file, to see whether a comparison catches it.
type plant struct {
	what     string
	file     string // from the module root
	old, new string // old stands there once
	op       string // of BenchmarkFraming, which it slows down
	unit     string
}

// plants are a tenth more time, where payloads are so large that a tenth of the work takes just that, and one
// allocation.
var plants = []plant{
	{
		what: "encoding 10 % slower", file: "ref/frame/append.go",
		old: "	dst = slices.Grow(dst, framing.HeaderSize()+len(payload))\n",
		new: "	dst = slices.Grow(dst, framing.HeaderSize()+len(payload))\n" +
			"	if len(payload) >= 64<<10 {\n	again := payload[:len(payload)/10]\n	Checksum(again)\n	_ = append(dst, again...)\n	}\n",
		op: "encode", unit: "x-floor",
	},
	{
		what: "decoding 10 % slower", file: "ref/frame/reader.go",
		old: "	if sum := Checksum(payload); sum != crc {\n",
		new: "	if len(payload) >= 64<<10 {\n	Checksum(payload[:len(payload)*2/13]) // of a decoding, the sum is two thirds\n	}\n	if sum := Checksum(payload); sum != crc {\n",
		op:  "decode", unit: "x-floor",
	},
	{
		what: "one allocation more in encoding", file: "ref/frame/append.go",
		old: "	dst = slices.Grow(dst, framing.HeaderSize()+len(payload))\n",
		new: "	dst = slices.Grow(dst, framing.HeaderSize()+len(payload))\n	planted = new(int)\n",
		op:  "encode", unit: "allocs/op",
	},
	{
		what: "one allocation more in decoding", file: "ref/frame/reader.go",
		old: "	r.consume(int(length))\n",
		new: "	r.consume(int(length))\n	planted = new(int)\n",
		op:  "decode", unit: "allocs/op",
	},
}

// overlay writes the planted file and what go build's -overlay is to read, and returns the latter's path.
func (p plant) overlay(tree, into string) (string, error) {
	path := filepath.Join(tree, p.file)
	source, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), p.old); n != 1 {
		return "", fmt.Errorf("the plant %q needs a place that stands in %s once; it stands there %d times: %q", p.what, p.file, n, p.old)
	}
	planted := strings.Replace(string(source), p.old, p.new, 1)
	if strings.Contains(p.new, "planted =") {
		planted += "\nvar planted *int // so that the allocation is not left out\n"
	}
	changed, list := filepath.Join(into, "planted.go"), filepath.Join(into, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	return list, errors.Join(err, os.WriteFile(changed, []byte(planted), 0o644), os.WriteFile(list, replace, 0o644))
}
