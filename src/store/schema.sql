-- Version 1. Tables are singular and private; the plural views are what users read.

CREATE TABLE manifest (
    sha256        TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    path          TEXT NOT NULL,
    text          TEXT NOT NULL,
    first_seen_at TEXT NOT NULL                     -- RFC 3339, UTC, as are all times
) STRICT;

CREATE TABLE stage (
    stage_id         TEXT PRIMARY KEY,
    kind             TEXT NOT NULL CHECK (kind IN ('regression', 'transfer')),
    architecture     TEXT NOT NULL,                 -- name in the manifest that first asked for it
    mix              TEXT,
    target           TEXT,
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

CREATE TABLE stage_input (
    stage_id TEXT NOT NULL REFERENCES stage,
    input_id TEXT NOT NULL REFERENCES stage,
    position INTEGER NOT NULL,
    PRIMARY KEY (stage_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE trial (
    run_id          TEXT PRIMARY KEY,
    experiment      TEXT NOT NULL,
    manifest_sha256 TEXT NOT NULL REFERENCES manifest,
    architecture    TEXT NOT NULL,
    mix             TEXT,                           -- NULL from scratch
    graft           TEXT NOT NULL,                  -- 'hr+pr+qt+qrs', or 'scratch'
    freeze          TEXT,                           -- NULL from scratch
    label_fraction  REAL NOT NULL,
    seed            INTEGER NOT NULL,
    stage_id        TEXT NOT NULL REFERENCES stage,
    position        INTEGER NOT NULL,               -- order in the plan
    current         INTEGER NOT NULL                -- 0 once the experiment's manifest no longer asks for it
) STRICT;
CREATE INDEX trial_by_stage ON trial (stage_id);
CREATE INDEX trial_by_experiment ON trial (experiment);

CREATE TABLE epoch (
    stage_id TEXT NOT NULL REFERENCES stage,
    epoch    INTEGER NOT NULL,
    split    TEXT NOT NULL,
    metric   TEXT NOT NULL,
    value    REAL,
    PRIMARY KEY (stage_id, epoch, split, metric)
) STRICT, WITHOUT ROWID;

CREATE TABLE regression_score (
    stage_id  TEXT NOT NULL REFERENCES stage,
    target    TEXT NOT NULL,
    split     TEXT NOT NULL,
    records   INTEGER NOT NULL,
    mae       REAL NOT NULL,
    rmse      REAL NOT NULL,
    r2        REAL,
    pearson_r REAL,
    PRIMARY KEY (stage_id, target, split)
) STRICT, WITHOUT ROWID;

CREATE TABLE score (
    stage_id TEXT NOT NULL REFERENCES stage,
    split    TEXT NOT NULL,
    metric   TEXT NOT NULL,
    class    TEXT NOT NULL DEFAULT '',              -- '' for a metric of all classes
    value    REAL,                                  -- NULL: not defined, as for a class absent from the split
    PRIMARY KEY (stage_id, split, metric, class)
) STRICT, WITHOUT ROWID;

CREATE TABLE prediction (
    stage_id    TEXT NOT NULL REFERENCES stage,
    record_id   TEXT NOT NULL,
    class       TEXT NOT NULL,
    probability REAL NOT NULL,
    label       INTEGER NOT NULL,
    PRIMARY KEY (stage_id, record_id, class)
) STRICT, WITHOUT ROWID;

CREATE VIEW stages AS
SELECT stage_id, kind, architecture, mix, target, seed, status, error, device, version, data_fingerprint,
       started_at, finished_at, wall_s, best_epoch, checkpoint, settings, notes
FROM stage;

CREATE VIEW runs AS
SELECT t.run_id, t.experiment, t.architecture, t.mix, t.graft, t.freeze, t.label_fraction, t.seed, s.device,
       CASE WHEN s.status = 'pending' AND failed.stage_id IS NOT NULL THEN 'failed' ELSE s.status END AS status,
       CASE WHEN s.status = 'pending' AND failed.stage_id IS NOT NULL
            THEN 'its regression stage ' || failed.stage_id || ' failed: ' || failed.error ELSE s.error END AS error,
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

CREATE VIEW run_stages AS
SELECT run_id, stage_id, -1 AS position FROM trial
UNION ALL
SELECT t.run_id, i.input_id, i.position FROM trial t JOIN stage_input i USING (stage_id);

CREATE VIEW epochs AS
SELECT r.run_id, e.stage_id, e.epoch, e.split, e.metric, e.value FROM run_stages r JOIN epoch e USING (stage_id);

CREATE VIEW regression AS
SELECT g.stage_id, s.architecture, s.mix, s.seed, g.target, g.split, g.records, g.mae, g.rmse, g.r2, g.pearson_r
FROM regression_score g JOIN stage s USING (stage_id);

CREATE VIEW scores AS
SELECT t.run_id, s.stage_id, s.split, s.metric, nullif(s.class, '') AS class, s.value
FROM trial t JOIN score s USING (stage_id);

CREATE VIEW predictions AS
SELECT t.run_id, p.record_id, p.class, p.probability, p.label FROM trial t JOIN prediction p USING (stage_id);
