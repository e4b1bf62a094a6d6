// Package adapter runs the suite against a framer or a pool in any language, through a program that answers requests on
// its standard input and output. ADAPTERS.md of package conformance describes the requests.
//
//	a, err := adapter.Open(ctx, spec.RoleFramer, conformance.Command("node", "framer.js"), adapter.Options{})
//	if err != nil { … } // an *adapter.Fault: the program cannot be started, or is not an adapter
//	defer a.Close()
//	report := conformance.CheckFramer(a.Context(), a.Framer(), conformance.Subject(a.Name()))
//
// It imports conformance for the types of a framer and a pool, internal/framer and internal/pool for what only the suite
// asks of them, and internal/suite and spec. Begin with adapter.go; process.go has the program, framer.go and pool.go what
// stands for the implementation. The command pyproctest uses it.
package adapter
