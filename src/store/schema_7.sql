-- Version 7: who trained, validated and tested. Stages trained before it have no rows.

CREATE TABLE data_set (
    data_set_id INTEGER PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE recording (
    recording_id INTEGER PRIMARY KEY,
    data_set_id  INTEGER NOT NULL REFERENCES data_set,
    record_id    TEXT NOT NULL,
    patient      TEXT NOT NULL,                     -- a person is a patient of a data set
    samples      BLOB NOT NULL                      -- SHA-256 of the samples in use, in microvolts; empty: all leads are flat
) STRICT;
CREATE INDEX recording_by_record ON recording (data_set_id, record_id);

CREATE TABLE record_set (
    set_id  INTEGER PRIMARY KEY,
    sha256  TEXT NOT NULL UNIQUE,                   -- of its recordings: equal sets are kept once
    records INTEGER NOT NULL,
    people  INTEGER NOT NULL
) STRICT;

CREATE TABLE record_set_word (
    set_id INTEGER NOT NULL REFERENCES record_set,
    word   INTEGER NOT NULL,                        -- recordings 60 word to 60 word + 59
    bits   INTEGER NOT NULL,                        -- those of the set; 60 bits, so that none is negative
    PRIMARY KEY (set_id, word)
) STRICT, WITHOUT ROWID;

CREATE TABLE stage_set (
    stage_id TEXT NOT NULL REFERENCES stage,
    split    TEXT NOT NULL CHECK (split IN ('train', 'validation', 'test')),
    set_id   INTEGER NOT NULL REFERENCES record_set,
    PRIMARY KEY (stage_id, split)
) STRICT, WITHOUT ROWID;
CREATE INDEX stage_set_by_set ON stage_set (set_id);

CREATE VIEW membership AS
SELECT m.stage_id, s.kind, s.architecture, s.mix, s.target, s.seed, m.split, r.records, r.people, r.sha256 AS record_set
FROM stage_set m JOIN stage s USING (stage_id) JOIN record_set r USING (set_id);

CREATE VIEW members AS
SELECT s.sha256 AS record_set, d.name AS data_set, r.record_id, r.patient, nullif(lower(hex(r.samples)), '') AS recording
FROM record_set s
JOIN record_set_word w USING (set_id)
JOIN recording r ON r.recording_id BETWEEN 60 * w.word AND 60 * w.word + 59 AND (w.bits >> (r.recording_id % 60)) & 1
JOIN data_set d USING (data_set_id);
