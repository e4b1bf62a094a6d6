// Package explore finds in a framer, a worker or a pool what no case lists.
//
// It generates histories (history.go), plays them on the subject, has a model of SPEC.md judge what comes, shrinks what
// fails to the shortest history that still fails (shrink.go), and reports it as a result. engine.go is the place to begin:
// it holds the loop. The three packages below it, framer, worker and pool, each have a generator, a player and a model of
// one role, and never import each other:
//
//	generate.go  draws histories; it never looks at the subject, so a seed gives the same histories everywhere
//	player.go    does the steps, and hands all that comes to the model
//	model.go     says what must, may and must not happen; each rule names its clause
//	words.go     the steps in the words of the protocol, and simpler values for shrinking
//
// There are two kinds of verdict. What came and no order of events allows is a failure at once: slowness cannot cause it.
// What must come and has not is judged only where the history settles, after the patience of the run, as long as the
// machine serves another process of the suite meanwhile (patience.go). While exploring a short patience makes a suspicion
// only; it is confirmed with the whole patience, alone, on a fresh subject, before anybody is accused.
package explore
