-- Version 10: what networks are worth on the records of other sources, which is found after their stages are done.

CREATE TABLE evaluation (
    stage_id    TEXT NOT NULL REFERENCES stage,
    fingerprint TEXT NOT NULL,                      -- of the source's data
    subject     TEXT NOT NULL,                      -- target or class; '' for a metric of all classes
    metric      TEXT NOT NULL,
    value       REAL,                               -- NULL: not defined, as for a class that no record has
    PRIMARY KEY (stage_id, fingerprint, subject, metric)
) STRICT, WITHOUT ROWID;

CREATE TABLE evaluated_record (
    stage_id    TEXT NOT NULL REFERENCES stage,
    fingerprint TEXT NOT NULL,
    subject     TEXT NOT NULL,                      -- target or class
    record_id   TEXT NOT NULL,
    patient     TEXT NOT NULL,
    truth       REAL NOT NULL,                      -- bpm or ms; of a class 1 where the record has it, else 0
    said        REAL NOT NULL,                      -- what was measured; of a class its probability
    PRIMARY KEY (stage_id, fingerprint, subject, record_id)
) STRICT, WITHOUT ROWID;

-- Where an experiment wants its networks evaluated, and what it calls the source.
CREATE TABLE elsewhere (
    experiment  TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('regression', 'transfer')),
    position    INTEGER NOT NULL,                   -- order in the manifest
    source      TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    PRIMARY KEY (experiment, kind, position)
) STRICT, WITHOUT ROWID;

CREATE VIEW evaluations AS
SELECT DISTINCT w.experiment, e.stage_id, s.kind, s.architecture, s.mix, s.seed, w.source, nullif(e.subject, '') AS subject,
       e.metric, e.value, e.fingerprint
FROM elsewhere w
JOIN evaluation e USING (fingerprint)
JOIN stage s ON s.stage_id = e.stage_id AND s.kind = w.kind
JOIN run_stages r ON r.stage_id = s.stage_id
JOIN trial t ON t.run_id = r.run_id AND t.experiment = w.experiment AND t.current = 1;
