-- Version 11: variants of a manifest, test folds in turn, what manifests plan to compare, validation predictions, and who was
-- tested.

ALTER TABLE trial ADD COLUMN variant TEXT;                      -- NULL where the manifest has none
ALTER TABLE trial ADD COLUMN fold INTEGER;                      -- the one that is tested; NULL where they are not rotated

DROP VIEW runs;
CREATE VIEW runs AS
SELECT t.run_id, t.experiment, t.architecture, t.mix, t.graft, t.freeze, t.label_fraction, t.variant, t.fold, t.seed, s.device,
       CASE WHEN s.status = 'pending' AND failed.stage_id IS NOT NULL THEN 'failed' ELSE s.status END AS status,
       CASE WHEN s.status = 'pending' AND failed.stage_id IS NOT NULL
            THEN 'its ' || failed.kind || ' stage ' || failed.stage_id || ' failed: ' || failed.error ELSE s.error END AS error,
       s.started_at, s.finished_at, s.wall_s,
       auc.value AS test_macro_auc, acc.value AS test_accuracy, f1.value AS test_macro_f1,
       t.manifest_sha256, s.data_fingerprint, s.version, t.stage_id, t.position, t.current,
       s.best_epoch, s.frozen_at_best, t.allow_overlap
FROM trial t
JOIN stage s USING (stage_id)
LEFT JOIN score auc ON auc.stage_id = t.stage_id AND auc.split = 'test' AND auc.metric = 'macro_auc' AND auc.class = ''
LEFT JOIN score acc ON acc.stage_id = t.stage_id AND acc.split = 'test' AND acc.metric = 'accuracy' AND acc.class = ''
LEFT JOIN score f1 ON f1.stage_id = t.stage_id AND f1.split = 'test' AND f1.metric = 'macro_f1' AND f1.class = ''
LEFT JOIN stage failed ON failed.stage_id = (
    SELECT i.input_id FROM stage_input i JOIN stage p ON p.stage_id = i.input_id
    WHERE i.stage_id = t.stage_id AND p.status = 'failed' ORDER BY i.position LIMIT 1);

ALTER TABLE manifest ADD COLUMN comparisons TEXT;               -- JSON of its [comparisons]; NULL: none are planned

-- Networks may learn from signals alone before they are grafted, or come from elsewhere. SQLite changes no
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

-- What classifiers said of the records that validated them, and the sex, the age and the site of who was tested. Stages
-- trained before have neither.

CREATE TABLE validation_set (
    set_id  INTEGER PRIMARY KEY,
    sha256  TEXT NOT NULL UNIQUE,                   -- of its classes, records and labels: equal sets are kept once
    classes TEXT NOT NULL                           -- JSON array of names, in the order of the network's outputs
) STRICT;

CREATE TABLE validation_record (
    set_id    INTEGER NOT NULL REFERENCES validation_set ON DELETE CASCADE,
    number    INTEGER NOT NULL,                     -- from 0
    record_id TEXT NOT NULL,
    patient   TEXT NOT NULL,
    labels    TEXT NOT NULL,                        -- of each class 1 where the record has it, else 0
    PRIMARY KEY (set_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE validation (
    validation_id INTEGER PRIMARY KEY,
    stage_id      TEXT NOT NULL UNIQUE REFERENCES stage,
    set_id        INTEGER NOT NULL REFERENCES validation_set
) STRICT;
CREATE INDEX validation_by_set ON validation (set_id);

-- Numbers where the test predictions have texts: less than half the room.
CREATE TABLE validation_probability (
    validation_id INTEGER NOT NULL REFERENCES validation ON DELETE CASCADE,
    place         INTEGER NOT NULL,                 -- number of the record times classes, and place of the class
    probability   REAL NOT NULL,
    PRIMARY KEY (validation_id, place)
) STRICT, WITHOUT ROWID;

CREATE VIEW validation_predictions AS
SELECT t.run_id, r.record_id, c.value AS class, p.probability, substr(r.labels, c.key + 1, 1) = '1' AS label, r.patient
FROM trial t
JOIN validation v USING (stage_id)
JOIN validation_set s USING (set_id)
JOIN validation_record r USING (set_id)
JOIN json_each(s.classes) c
JOIN validation_probability p
    ON p.validation_id = v.validation_id AND p.place = r.number * json_array_length(s.classes) + c.key;

ALTER TABLE patient ADD COLUMN sex TEXT;            -- male or female; NULL where it is not known, as with the next two
ALTER TABLE patient ADD COLUMN age REAL;            -- at the recording, years; 90 for all above 89
ALTER TABLE patient ADD COLUMN site TEXT;           -- the record's label of the vocabulary `site`

DROP VIEW predictions;
CREATE VIEW predictions AS
SELECT t.run_id, p.record_id, p.class, p.probability, p.label, w.patient, w.sex, w.age, w.site
FROM trial t JOIN stage s USING (stage_id) JOIN prediction p USING (stage_id)
LEFT JOIN patient w ON w.data_fingerprint = s.data_fingerprint AND w.record_id = p.record_id;
