-- Version 1. Names that are compared or listed in order are compared by bytes. Hashes and ids are raw bytes.

CREATE TABLE collector (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    epoch BIGINT NOT NULL
);
INSERT INTO collector (only_row, epoch) VALUES (1, 1);

CREATE TABLE repositories (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    default_branch TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    settings BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE commits (
    repository BLOB NOT NULL REFERENCES repositories (id),
    id BLOB NOT NULL,
    epoch BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    parents BLOB NOT NULL,
    PRIMARY KEY (repository, id)
) WITHOUT ROWID;

-- Branches and tags share their names.
CREATE TABLE ref_names (
    repository BLOB NOT NULL REFERENCES repositories (id),
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('branch', 'tag')),
    PRIMARY KEY (repository, name)
) WITHOUT ROWID;

CREATE TABLE branches (
    repository BLOB NOT NULL,
    name TEXT NOT NULL,
    incarnation BLOB NOT NULL,
    generation BIGINT NOT NULL,
    base_generation BIGINT NOT NULL,
    head BLOB NOT NULL,
    staged BLOB,
    folded_seq BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    mode BIGINT NOT NULL,
    protection BLOB,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (repository, name),
    UNIQUE (repository, incarnation),
    FOREIGN KEY (repository, name) REFERENCES ref_names (repository, name),
    FOREIGN KEY (repository, head) REFERENCES commits (repository, id) DEFERRABLE INITIALLY DEFERRED
) WITHOUT ROWID;

CREATE TABLE tags (
    repository BLOB NOT NULL,
    name TEXT NOT NULL,
    target BLOB NOT NULL,
    PRIMARY KEY (repository, name),
    FOREIGN KEY (repository, name) REFERENCES ref_names (repository, name),
    FOREIGN KEY (repository, target) REFERENCES commits (repository, id)
) WITHOUT ROWID;

CREATE TABLE op_log (
    repository BLOB NOT NULL,
    incarnation BLOB NOT NULL,
    seq BIGINT NOT NULL,
    ops BIGINT NOT NULL,
    time_us BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (repository, incarnation, seq)
) WITHOUT ROWID;

CREATE TABLE ref_log (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    repository BLOB NOT NULL REFERENCES repositories (id),
    name TEXT NOT NULL,
    time_us BIGINT NOT NULL,
    moved_from BLOB,
    moved_to BLOB,
    reason TEXT NOT NULL
);
CREATE INDEX ref_log_by_repository ON ref_log (repository, number);

CREATE TABLE small_records (
    repository BLOB NOT NULL REFERENCES repositories (id),
    namespace TEXT NOT NULL,
    record_key BLOB NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (repository, namespace, record_key)
) WITHOUT ROWID;
