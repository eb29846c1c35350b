-- Version 11: variants of a manifest, test folds in turn, and what manifests plan to compare.

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
