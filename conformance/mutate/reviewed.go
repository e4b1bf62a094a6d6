package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// reviewed are the survivors that a person has looked at and found to be no gap of the suite, each with the
// reason. The file has them as pairs of lines:
//
//	ref/frame/reader.go (*Framer).read: the line before => the line after
//		the reason
//
// "=> *" stands for every mutation of that line, and "*" alone for every one of that function.
type reviewed map[string]string

func readReviewed(path string) (reviewed, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	all := reviewed{}
	key := ""
	for i, line := range strings.Split(string(text), "\n") {
		switch {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "\t") && key == "":
			return nil, fmt.Errorf("%s:%d: a reason without a mutant above it", path, i+1)
		case strings.HasPrefix(line, "\t"):
			all[key] = strings.TrimSpace(all[key] + " " + strings.TrimSpace(line))
		default:
			if _, twice := all[line]; twice {
				return nil, fmt.Errorf("%s:%d: it is there twice", path, i+1)
			}
			key = line
			all[key] = ""
		}
	}
	for key, reason := range all {
		if reason == "" {
			return nil, fmt.Errorf("%s: no reason is given for %s", path, key)
		}
	}
	return all, nil
}

// reason tells why the mutant may survive, empty where nobody has said so.
func (r reviewed) reason(m mutant) string {
	for _, key := range m.keys() {
		if why := r[key]; why != "" {
			return why
		}
	}
	return ""
}

// stale are the entries that no mutant bears: what they speak of has changed.
func (r reviewed) stale(all []mutant) []string {
	there := map[string]bool{}
	for _, m := range all {
		for _, key := range m.keys() {
			there[key] = true
		}
	}
	var stale []string
	for key := range r {
		if !there[key] {
			stale = append(stale, key)
		}
	}
	slices.Sort(stale)
	return stale
}
