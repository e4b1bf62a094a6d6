package conformance

import "embed"

// Docs holds SPEC.md, the clauses, and ADAPTERS.md, how a framer or a pool in any language plugs in.
//
//go:embed SPEC.md ADAPTERS.md
var Docs embed.FS
