-- Version 11. Networks may learn from signals alone before they are grafted, or come from elsewhere. SQLite changes no
-- CHECK of a table, so that the table is made anew; foreign keys are off meanwhile, and what names it stays as it is.

PRAGMA legacy_alter_table = ON;
CREATE TABLE new_stage (
    stage_id         TEXT PRIMARY KEY,
    kind             TEXT NOT NULL CHECK (kind IN ('regression', 'classification', 'masked', 'contrastive', 'weights', 'transfer')),
    architecture     TEXT NOT NULL,                 -- name in the manifest that first asked for it
    mix              TEXT,
    target           TEXT,                          -- of a regression: 'hr', or 'hr&qrs' for one network that measures both; of weights: 'weights:NAME'
    seed             INTEGER NOT NULL,
    settings         TEXT NOT NULL,                 -- JSON: everything the id was hashed from
    data_fingerprint TEXT NOT NULL,
    status           TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'done', 'failed')),
    error            TEXT,
    worker           TEXT,                          -- who holds the lease
    lease_until      REAL,                          -- seconds since 1970, UTC
    attempts         INTEGER NOT NULL DEFAULT 0,
    device           TEXT,
    version          TEXT,                          -- ecgraft version and commit
    started_at       TEXT,
    finished_at      TEXT,
    wall_s           REAL,
    best_epoch       INTEGER,
    checkpoint       TEXT,                          -- path under the results folder
    notes            TEXT,                          -- JSON array of sentences
    weights_sha256   TEXT,                          -- of the checkpoint's tensors
    heartbeat        INTEGER NOT NULL DEFAULT 0,    -- goes up while its worker lives
    lost             INTEGER NOT NULL DEFAULT 0,    -- times that a worker ended without a word
    last_step        INTEGER,                       -- the first epoch, from 1, after which no freeze step ends
    frozen_at_best   INTEGER,                       -- 1: the epoch that was kept lies before it
    findings_sha256  TEXT                           -- of all its curves, scores, predictions and compositions
) STRICT;
INSERT INTO new_stage SELECT * FROM stage;
DROP TABLE stage;
ALTER TABLE new_stage RENAME TO stage;
PRAGMA legacy_alter_table = OFF;
