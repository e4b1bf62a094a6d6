package pool

// SetLastID sets the latest request ID, for tests of large ones.
func SetLastID(p *Pool, id uint64) { p.lastID.Store(id) }

// StartProcess is the default of PoolOptions.Spawn.
var StartProcess = startProcess
