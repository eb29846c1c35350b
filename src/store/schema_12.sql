-- Version 12: what the training records' median of a target is worth as a measurement, beside what a regression measured.

CREATE TABLE median_score (                         -- stages trained before have none
    stage_id  TEXT NOT NULL REFERENCES stage,
    target    TEXT NOT NULL,
    split     TEXT NOT NULL,
    unit      TEXT NOT NULL,                        -- of the target: bpm, ms ...
    median    REAL NOT NULL,                        -- of the training records
    mae       REAL NOT NULL,
    rmse      REAL NOT NULL,
    r2        REAL,
    gain_low  REAL,                                 -- 95 % interval of how much lower the network's mae is, over patients
    gain_high REAL,
    PRIMARY KEY (stage_id, target, split)
) STRICT, WITHOUT ROWID;

DROP VIEW regression;
CREATE VIEW regression AS
SELECT g.stage_id, s.architecture, s.mix, s.seed, g.target, g.split, g.records, g.mae, g.rmse, g.r2, g.pearson_r,
       m.unit, m.median, m.mae AS median_mae, m.rmse AS median_rmse, m.r2 AS median_r2, m.gain_low, m.gain_high
FROM regression_score g JOIN stage s USING (stage_id) LEFT JOIN median_score m USING (stage_id, target, split);
