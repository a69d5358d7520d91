-- Rules of a repository, and how often they changed; how long a branch lives, and when it was touched last.

ALTER TABLE repositories ADD COLUMN rules BLOB NOT NULL DEFAULT x'010000';
ALTER TABLE repositories ADD COLUMN rules_generation BIGINT NOT NULL DEFAULT 0;
ALTER TABLE branches ADD COLUMN expiry BLOB;
ALTER TABLE branches ADD COLUMN touched_us BIGINT NOT NULL DEFAULT 0;
-- of a branch that was there already it was not recorded, and none of these expires unless somebody says so
UPDATE branches SET touched_us = created_us;
