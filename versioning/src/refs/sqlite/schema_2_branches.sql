-- Which operations are committed, and which writes took effect last: 16 bytes each, newest last.

ALTER TABLE branches ADD COLUMN sealed_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE branches ADD COLUMN recent_writes BLOB NOT NULL DEFAULT x'';
-- of what is staged it was not recorded where it begins, so there it counts from the start
UPDATE branches SET sealed_seq = folded_seq WHERE staged IS NULL;
