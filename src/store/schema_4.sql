-- Version 4: whose the test records are. Stages trained before it have no rows.

CREATE TABLE patient (
    data_fingerprint TEXT NOT NULL,                 -- of the stage that tested on the record
    record_id        TEXT NOT NULL,
    patient          TEXT NOT NULL,
    PRIMARY KEY (data_fingerprint, record_id)
) STRICT, WITHOUT ROWID;

DROP VIEW predictions;
CREATE VIEW predictions AS
SELECT t.run_id, p.record_id, p.class, p.probability, p.label, w.patient
FROM trial t JOIN stage s USING (stage_id) JOIN prediction p USING (stage_id)
LEFT JOIN patient w ON w.data_fingerprint = s.data_fingerprint AND w.record_id = p.record_id;
