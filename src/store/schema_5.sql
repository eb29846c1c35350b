-- Version 5: what regressions measured of each test record. Stages trained before it have no rows.

CREATE TABLE regression_prediction (
    stage_id  TEXT NOT NULL REFERENCES stage,
    target    TEXT NOT NULL,
    source    TEXT NOT NULL,                        -- of a mix: ids are of one source alone
    record_id TEXT NOT NULL,
    patient   TEXT NOT NULL,
    truth     REAL NOT NULL,                        -- bpm or ms, as is
    measured  REAL NOT NULL,
    PRIMARY KEY (stage_id, target, source, record_id)
) STRICT, WITHOUT ROWID;

CREATE VIEW regression_predictions AS
SELECT p.stage_id, s.architecture, s.mix, s.seed, p.target, p.record_id, p.patient, p.truth, p.measured, p.source
FROM regression_prediction p JOIN stage s USING (stage_id);
