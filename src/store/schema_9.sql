-- Version 9: the checksum of what a stage found. Stages trained before it have none.

ALTER TABLE stage ADD COLUMN findings_sha256 TEXT;  -- of all its curves, scores, predictions and compositions
