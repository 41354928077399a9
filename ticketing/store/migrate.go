package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/sportello/sportello/ticketing"
)

//go:embed schema
var schema embed.FS

// migrationLock is the advisory lock under which one process at a time changes a PostgreSQL schema.
const migrationLock = 7069733713

// migration is one step of the schema; the number of the last one is the schema's version.
type migration struct {
	version int64
	name    string
	text    string
}

// migrations lists the steps of a dialect, whose files are numbered from 1 without gaps.
func migrations(d dialect) ([]migration, error) {
	files, err := fs.ReadDir(schema, d.migrations)
	if err != nil {
		return nil, err
	}
	var steps []migration
	for _, f := range files {
		number, _, _ := strings.Cut(f.Name(), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version != int64(len(steps)+1) {
			return nil, fmt.Errorf("%s: the name must begin with %04d_", f.Name(), len(steps)+1)
		}
		text, err := fs.ReadFile(schema, d.migrations+"/"+f.Name())
		if err != nil {
			return nil, err
		}
		steps = append(steps, migration{version, strings.TrimSuffix(f.Name(), ".sql"), string(text)})
	}
	return steps, nil
}

func schemaMissing(what string) error {
	return ticketing.Errorf("store.schema_old", "%s holds no sportello database yet; run `sportello migrate` to make it", what)
}

// migrate checks the schema's version and, if may is set, brings it to this program's.
func migrate(ctx context.Context, pool *sql.DB, db *DB, may bool) error {
	steps, err := migrations(db.dialect)
	if err != nil {
		return err
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if may {
		if err := makeVersions(ctx, conn, db); err != nil {
			return err
		}
	}
	have, err := version(ctx, conn, db)
	if err != nil {
		return err
	}
	want := int64(len(steps))
	switch {
	case have > want:
		return schemaNewer(have, want)
	case have == want:
		return nil
	case !may && have == 0:
		return schemaMissing("this place")
	case !may:
		return ticketing.Errorf("store.schema_old", "the database has schema %d and this sportello needs %d; stop all older ones and run `sportello migrate`", have, want)
	}
	for _, step := range steps[have:] {
		if err := apply(ctx, conn, db, step); err != nil {
			return fmt.Errorf("schema step %s: %w", step.name, err)
		}
		db.log.Info("schema step applied", "step", step.name)
	}
	return nil
}

func schemaNewer(have, want int64) error {
	return fmt.Errorf("%w: the database has schema %d, this sportello knows schemas up to %d; install the newer sportello that made it, or restore a backup from before the upgrade",
		ticketing.ErrSchema, have, want)
}

// makeVersions makes the table of applied steps. "if not exists" alone races with itself on PostgreSQL.
func makeVersions(ctx context.Context, conn *sql.Conn, db *DB) error {
	return inStep(ctx, conn, db, func(exec func(string, ...any) error) error {
		return exec("create table if not exists schema_migrations (version bigint primary key, name text not null, applied_at bigint not null)")
	})
}

// version is the last applied step, 0 if there is none.
func version(ctx context.Context, conn *sql.Conn, db *DB) (int64, error) {
	text := "select count(*) from sqlite_master where type = 'table' and name = 'schema_migrations'"
	if db.dialect.name == postgresDialect.name {
		text = "select count(*) from pg_catalog.pg_class where oid = to_regclass('schema_migrations')"
	}
	var n int64
	if err := conn.QueryRowContext(ctx, text).Scan(&n); err != nil || n == 0 {
		return 0, err
	}
	err := conn.QueryRowContext(ctx, "select coalesce(max(version), 0) from schema_migrations").Scan(&n)
	return n, err
}

// apply runs one step in a transaction, unless another process has run it meanwhile.
func apply(ctx context.Context, conn *sql.Conn, db *DB, step migration) error {
	return inStep(ctx, conn, db, func(exec func(string, ...any) error) error {
		have, err := version(ctx, conn, db)
		if err != nil || have >= step.version {
			return err
		}
		// The simple protocol takes several statements at once; SQLite's driver always does.
		args := []any{}
		if db.dialect.name == postgresDialect.name {
			args = append(args, pgx.QueryExecModeSimpleProtocol)
		}
		if err := exec(step.text, args...); err != nil {
			return err
		}
		return exec("insert into schema_migrations (version, name, applied_at) values ($1, $2, $3)", step.version, step.name, millis(db.Now()))
	})
}

// inStep runs fn in a transaction that no other process runs at the same time.
func inStep(ctx context.Context, conn *sql.Conn, db *DB, fn func(exec func(string, ...any) error) error) (err error) {
	exec := func(text string, args ...any) error {
		_, err := conn.ExecContext(ctx, text, args...)
		return err
	}
	begin := "begin immediate"
	if db.dialect.name == postgresDialect.name {
		begin = "begin"
	}
	if err := exec(begin); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, e := conn.ExecContext(context.WithoutCancel(ctx), "rollback")
			err = errors.Join(err, e)
		}
	}()
	if db.dialect.name == postgresDialect.name {
		if err := exec("select pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
			return err
		}
	}
	if err := fn(exec); err != nil {
		return err
	}
	return exec("commit")
}

// checkVersion reports a schema that is not this program's.
func (db *DB) checkVersion(ctx context.Context) error {
	steps, err := migrations(db.dialect)
	if err != nil {
		return err
	}
	conn, err := db.pool.Conn(ctx)
	if err != nil {
		return db.wrap(err)
	}
	defer conn.Close()
	have, err := version(ctx, conn, db)
	if err != nil {
		return db.wrap(err)
	}
	if have > int64(len(steps)) {
		return schemaNewer(have, int64(len(steps)))
	}
	if have < int64(len(steps)) {
		return ticketing.Errorf("store.schema_old", "the database has schema %d and this sportello needs %d; run `sportello migrate`", have, len(steps))
	}
	return nil
}
