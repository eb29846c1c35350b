-- Version 8: what regressions measured, source by source. Stages trained before it have no rows.

CREATE TABLE source_score (
    stage_id  TEXT NOT NULL REFERENCES stage,
    target    TEXT NOT NULL,
    split     TEXT NOT NULL,
    source    TEXT NOT NULL,                        -- its name in the manifest that first asked for the stage
    records   INTEGER NOT NULL,
    mae       REAL NOT NULL,                        -- bpm or ms
    bias      REAL NOT NULL,                        -- mean of measured less true value
    sd        REAL,                                 -- of measured less true value, n - 1; NULL below two records
    rmse      REAL NOT NULL,
    r2        REAL,                                 -- NULL where the truth does not vary
    pearson_r REAL,
    PRIMARY KEY (stage_id, target, split, source)
) STRICT, WITHOUT ROWID;

CREATE VIEW source_scores AS
SELECT g.stage_id, s.architecture, s.mix, s.seed, g.target, g.split, g.source, g.records, g.mae, g.bias, g.sd, g.rmse,
       g.r2, g.pearson_r
FROM source_score g JOIN stage s USING (stage_id);
