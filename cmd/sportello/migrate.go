package main

import (
	"context"
	"errors"
	"fmt"
)

// MigrateCmd brings the database to this version's schema.
type MigrateCmd struct {
	NewKeys bool `help:"The signing keys are lost for good: let the next start use new ones."`
}

// Run migrates. It may be run again and by several processes at a time.
func (cmd MigrateCmd) Run(ctx context.Context, c *console) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	db, files, err := openStore(ctx, &cfg, logger(cfg.Log, c.err), true)
	if err != nil {
		return err
	}
	if cmd.NewKeys {
		if err := forgetKeys(ctx, db); err != nil {
			return errors.Join(err, closeStore(db, files))
		}
	}
	if err := errors.Join(db.Check(ctx), closeStore(db, files)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "The database %s is up to date and whole.\n", hideUserinfo(cfg.database()))
	return err
}
