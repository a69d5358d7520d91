-- How often the rules of a branch changed, so that what was judged under others does not land.

ALTER TABLE branches ADD COLUMN rules_generation BIGINT NOT NULL DEFAULT 0;
-- of histories, the generations that a search for a common commit reads next
CREATE INDEX commits_by_generation ON commits (repository, generation);
