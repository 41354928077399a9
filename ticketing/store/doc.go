// Package store keeps the desk's memory in SQLite or PostgreSQL. It holds no rules: it implements ticketing.Store, a transaction with one
// query file a noun, and says "not found", "fenced" or "full" where the interface promises to.
//
// One SQL text serves both databases ($1 placeholders, upserts, RETURNING). What differs is in dialect.go (row locks, the advisory lock of
// a letter's order) and in the two schema folders (types). Times are milliseconds since 1970 in UTC with 0 for "never", JSON is opaque text,
// and no text holds a NUL byte or invalid UTF-8, because PostgreSQL refuses both where SQLite does not.
//
// SQLite: one goroutine writes. It takes every function that waits (up to Config.MaxBatch), runs each in a savepoint of its own and commits
// them together, so that many callers pay for one fsync and none pays for another's failure. Readers have connections of their own and see
// snapshots (WAL). An Update inside an Update would wait for itself for ever.
//
// PostgreSQL: every Update is a transaction (READ COMMITTED) and is run again after a serialisation failure, a deadlock, a lost race for a
// unique key, or a connection lost before COMMIT was sent. A connection lost during COMMIT leaves the outcome unknown: the error has the
// code "store.commit_unknown" and the caller reads the cause key or the ledger row to learn it (reliability.md 7).
//
// A transaction with a failed statement never commits, even if its function swallows the error; PostgreSQL works so by itself, and SQLite
// may have undone more than that statement.
package store
