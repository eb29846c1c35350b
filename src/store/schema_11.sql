-- Version 11: what manifests plan to compare.

ALTER TABLE manifest ADD COLUMN comparisons TEXT;   -- JSON of its [comparisons]; NULL: none are planned
