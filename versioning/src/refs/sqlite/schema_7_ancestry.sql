-- what the commit index answers from the other end: children, and far ancestors along first parents

CREATE TABLE commit_children (
    repository BLOB NOT NULL,
    parent BLOB NOT NULL,
    child BLOB NOT NULL,
    PRIMARY KEY (repository, parent, child)
) WITHOUT ROWID;

CREATE TABLE commit_lines (
    repository BLOB NOT NULL,
    id BLOB NOT NULL,
    generation BIGINT NOT NULL,
    depth BIGINT NOT NULL,
    parent BLOB,
    jump BLOB NOT NULL,
    jump_generation BIGINT NOT NULL,
    PRIMARY KEY (repository, id)
) WITHOUT ROWID;
