-- A stage's row is as long as its settings: without this, who asks where stages stand reads all of them.
CREATE INDEX IF NOT EXISTS stage_by_status ON stage (status, stage_id, lost);
-- The metrics that tables begin with are a few of the many scores of a stage.
CREATE INDEX IF NOT EXISTS score_of_test ON score (metric, stage_id, value) WHERE split = 'test' AND class = '';
-- Runs are read in this order.
CREATE INDEX IF NOT EXISTS trial_by_place ON trial (experiment, position);
