// Package text has the small functions that shape text for people: clip, indent, count, quote bytes.
//
// It imports the standard library alone.
package text
