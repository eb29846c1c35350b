-- Version 2. Networks may be trained to classify before they are grafted. SQLite changes no CHECK of a table, so
-- that the table is made anew; foreign keys are off meanwhile.

DROP VIEW stages;
DROP VIEW runs;
DROP VIEW regression;
DROP VIEW scores;

CREATE TABLE new_stage (
    stage_id         TEXT PRIMARY KEY,
    kind             TEXT NOT NULL CHECK (kind IN ('regression', 'classification', 'transfer')),
    architecture     TEXT NOT NULL,                 -- name in the manifest that first asked for it
    mix              TEXT,
    target           TEXT,                          -- of a regression: 'hr', or 'hr&qrs' for one network that measures both
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
    notes            TEXT                           -- JSON array of sentences
) STRICT;
INSERT INTO new_stage SELECT * FROM stage;
DROP TABLE stage;
ALTER TABLE new_stage RENAME TO stage;

CREATE VIEW stages AS
SELECT stage_id, kind, architecture, mix, target, seed, status, error, device, version, data_fingerprint,
       started_at, finished_at, wall_s, best_epoch, checkpoint, settings, notes
FROM stage;

CREATE VIEW runs AS
SELECT t.run_id, t.experiment, t.architecture, t.mix, t.graft, t.freeze, t.label_fraction, t.seed, s.device,
       CASE WHEN s.status = 'pending' AND failed.stage_id IS NOT NULL THEN 'failed' ELSE s.status END AS status,
       CASE WHEN s.status = 'pending' AND failed.stage_id IS NOT NULL
            THEN 'its ' || failed.kind || ' stage ' || failed.stage_id || ' failed: ' || failed.error ELSE s.error END AS error,
       s.started_at, s.finished_at, s.wall_s,
       auc.value AS test_macro_auc, acc.value AS test_accuracy, f1.value AS test_macro_f1,
       t.manifest_sha256, s.data_fingerprint, s.version, t.stage_id, t.position, t.current
FROM trial t
JOIN stage s USING (stage_id)
LEFT JOIN score auc ON auc.stage_id = t.stage_id AND auc.split = 'test' AND auc.metric = 'macro_auc' AND auc.class = ''
LEFT JOIN score acc ON acc.stage_id = t.stage_id AND acc.split = 'test' AND acc.metric = 'accuracy' AND acc.class = ''
LEFT JOIN score f1 ON f1.stage_id = t.stage_id AND f1.split = 'test' AND f1.metric = 'macro_f1' AND f1.class = ''
LEFT JOIN stage failed ON failed.stage_id = (
    SELECT i.input_id FROM stage_input i JOIN stage p ON p.stage_id = i.input_id
    WHERE i.stage_id = t.stage_id AND p.status = 'failed' ORDER BY i.position LIMIT 1);

CREATE VIEW regression AS
SELECT g.stage_id, s.architecture, s.mix, s.seed, g.target, g.split, g.records, g.mae, g.rmse, g.r2, g.pearson_r
FROM regression_score g JOIN stage s USING (stage_id);

CREATE VIEW scores AS
SELECT t.run_id, s.stage_id, s.split, s.metric, nullif(s.class, '') AS class, s.value
FROM trial t JOIN score s USING (stage_id);
