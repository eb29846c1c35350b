-- Version 6: what proves a stage's weights, when it could last change, and signs of life of its worker.

ALTER TABLE stage ADD COLUMN weights_sha256 TEXT;               -- of the checkpoint's tensors
ALTER TABLE stage ADD COLUMN heartbeat INTEGER NOT NULL DEFAULT 0; -- goes up while its worker lives
ALTER TABLE stage ADD COLUMN lost INTEGER NOT NULL DEFAULT 0;   -- times that a worker ended without a word
ALTER TABLE stage ADD COLUMN last_step INTEGER;                 -- the first epoch, from 1, after which no freeze step ends
ALTER TABLE stage ADD COLUMN frozen_at_best INTEGER;            -- 1: the epoch that was kept lies before it
ALTER TABLE trial ADD COLUMN allow_overlap TEXT;                -- the manifest's reason; NULL where people may not overlap

DROP VIEW stages;
CREATE VIEW stages AS
SELECT stage_id, kind, architecture, mix, target, seed, status, error, device, version, data_fingerprint,
       started_at, finished_at, wall_s, best_epoch, checkpoint, settings, notes, weights_sha256, last_step, frozen_at_best,
       lost
FROM stage;

DROP VIEW runs;
CREATE VIEW runs AS
SELECT t.run_id, t.experiment, t.architecture, t.mix, t.graft, t.freeze, t.label_fraction, t.seed, s.device,
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
