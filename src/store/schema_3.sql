-- Version 3: what the mix of a stage is made of. Stages trained before it have no rows.

CREATE TABLE mix_part (
    stage_id    TEXT NOT NULL REFERENCES stage,
    part        INTEGER NOT NULL,                   -- from 1, in the order of the manifest
    source      TEXT NOT NULL,
    filter      TEXT NOT NULL DEFAULT '',           -- '' for all records of the source
    from_epoch  INTEGER NOT NULL,
    until_epoch INTEGER,                            -- NULL: to the end
    offered     INTEGER NOT NULL,                   -- records it could give
    train       INTEGER NOT NULL,
    validation  INTEGER NOT NULL,
    test        INTEGER NOT NULL,
    patients    INTEGER NOT NULL,
    PRIMARY KEY (stage_id, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE mix_target (
    stage_id TEXT NOT NULL REFERENCES stage,
    part     INTEGER NOT NULL,
    position INTEGER NOT NULL,                      -- order of the network's outputs
    target   TEXT NOT NULL,
    known    INTEGER NOT NULL,                      -- records of the part that know it
    mean     REAL,                                  -- bpm or ms; NULL where none does
    sd       REAL,                                  -- n - 1 in the denominator; NULL below two records
    lowest   REAL,
    highest  REAL,
    PRIMARY KEY (stage_id, part, position)
) STRICT, WITHOUT ROWID;

CREATE VIEW composition AS
SELECT p.stage_id, s.kind, s.architecture, s.mix, s.seed, p.part, p.source, nullif(p.filter, '') AS filter,
       p.from_epoch, p.until_epoch, p.offered, p.train, p.validation, p.test, p.patients,
       t.target, t.known, t.mean, t.sd, t.lowest, t.highest
FROM mix_part p JOIN stage s USING (stage_id) LEFT JOIN mix_target t USING (stage_id, part);
