-- A stage's row is as long as its settings: without this, who asks where stages stand reads all of them.
CREATE INDEX IF NOT EXISTS stage_by_status ON stage (status, stage_id, lost);
