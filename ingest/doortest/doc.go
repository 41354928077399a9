// Package doortest holds what a door promises (package ingest) as a test that every door runs. The door's own test starts the door beside a
// double of its platform and hands over small functions which bring about one situation each at that double: a refusal, a lost answer, a
// place that cannot be read. What must then be true is the same for every door and stands here.
//
// Hearing: Parse takes any bytes and gives the same facts each time; what Receive hears is accepted whole, under one identity, and comes
// again until the ledger has it; Receive ends with its context.
//
// Speaking: rendering is repeatable; exactly the stored bytes leave, after began and once; every failure carries a verdict, and only
// SendUnknown leaves open whether the receiver has the message; a search says "missing" only when it is.
package doortest
