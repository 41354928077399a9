package store

// dialect is everything in which the SQL text of the two databases differs.
type dialect struct {
	name string
	// skipLocked ends a select whose rows this transaction is about to take; rows that another one is taking are left out.
	skipLocked string
	// forUpdate ends a select whose row this transaction is about to change; it waits for another one that is changing it, and sees what that made of it.
	forUpdate string
	// forUpdateOf is forUpdate for the table s of a join.
	forUpdateOf string
	// forShare ends a select whose row must not change before this transaction ends.
	forShare string
	// lockOrder serialises the leases of one thread and recipient; $1 is the outgoing row's id. Empty where one connection writes.
	lockOrder string
	// migrations is the folder of the schema.
	migrations string
}

var sqliteDialect = dialect{name: "sqlite", migrations: "schema/sqlite"}

var postgresDialect = dialect{
	name:        "postgres",
	skipLocked:  " for update skip locked",
	forUpdate:   " for update",
	forUpdateOf: " for update of s",
	forShare:    " for share",
	lockOrder: `select pg_advisory_xact_lock(hashtextextended(coalesce(thread, id) || ' ' || recipient, 0))
		from outgoing where id = $1`,
	migrations: "schema/postgres",
}
