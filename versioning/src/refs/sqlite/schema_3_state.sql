-- Version 3: how often a namespace of small records was swapped, and what was told of branches.

CREATE TABLE small_versions (
    repository BLOB NOT NULL REFERENCES repositories (id),
    namespace TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (repository, namespace)
) WITHOUT ROWID;

-- The number of the last event, which stays when events are forgotten.
ALTER TABLE branches ADD COLUMN events BIGINT NOT NULL DEFAULT 0;

CREATE TABLE events (
    repository BLOB NOT NULL,
    incarnation BLOB NOT NULL,
    number BIGINT NOT NULL,
    time_us BIGINT NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (repository, incarnation, number)
) WITHOUT ROWID;
