// Package pool has the cases for pools.
//
// cases.go lists them and is the way in; the other files are named after what their cases look at. It imports suite,
// wire, spec, result, proc, scripted and text, and never the cases of another role.
//
// A case is played on a stage:
//
//   - The stage (stage.go) brings one pool and its workers together, and records all that the workers see in one
//     order. setting.go sets it: what every case begins with.
//   - A scripted worker (scripted_worker.go) is a process that the pool starts. It does what the case tells it to do.
//   - A call (call.go) is a Call of the pool that runs beside the case. A held call (held_call.go) waits at a worker.
//     Later calls (later_calls.go) show that the pool still works.
//   - A request (request.go) is what a call becomes at a worker. The case answers it, or not.
//   - An order (orders.go) makes a scripted worker listen, write, close, hang or die.
//   - The audit (audit.go) checks everything that the pool sends, in every case.
//   - The scene is one line that describes the workers and calls, for the text of a failure.
//   - Clearing the stage (clear.go) ends the pool and every process that is left.
package pool
