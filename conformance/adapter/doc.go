// Package adapter makes a framer or a pool of any language one that the suite can run against: a program
// that answers requests on its standard input, as ADAPTERS.md of package conformance describes.
//
//	a, err := adapter.Open(ctx, spec.RoleFramer, conformance.Command("node", "framer.js"), adapter.Options{})
//	if err != nil { … } // an *adapter.Fault: it could not be started, or is no adapter
//	defer a.Close()
//	report := conformance.CheckFramer(a.Context(), a.Framer(), conformance.Subject(a.Name()))
package adapter
