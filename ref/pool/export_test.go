package pool

// SetLastID lets a test begin near the end of the request IDs.
func SetLastID(p *Pool, id uint64) { p.lastID.Store(id) }

// StartProcess is what Spawn is by default.
var StartProcess = startProcess
