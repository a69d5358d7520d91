//! The SQL texts of the ref store, in the words that SQLite and PostgreSQL share.
//!
//! Every compare-and-set is one `UPDATE` whose `WHERE` holds all that is compared, so that it is right under
//! any isolation: no row changed means lost.

pub(super) const EPOCH: &str = "SELECT epoch FROM collector";
pub(super) const BEGIN_EPOCH: &str = "UPDATE collector SET epoch = epoch + 1 WHERE epoch = $1";

pub(super) const INSERT_REPOSITORY: &str = "
    INSERT INTO repositories (id, name, default_branch, created_us, settings)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO NOTHING";
pub(super) const HAS_REPOSITORY: &str = "SELECT 1 FROM repositories WHERE id = $1";
pub(super) const REPOSITORY: &str = "
    SELECT id, name, default_branch, created_us, settings FROM repositories WHERE name = $1";
pub(super) const REPOSITORIES: &str = "
    SELECT id, name, default_branch, created_us, settings FROM repositories ORDER BY name";
pub(super) const RULES: &str = "SELECT name, rules, rules_generation FROM repositories WHERE id = $1";
pub(super) const SET_REPOSITORY_RULES: &str = "
    UPDATE repositories SET rules = $3, rules_generation = rules_generation + 1
    WHERE id = $1 AND rules_generation = $2";
pub(super) const RULES_OF_ALL: &str =
    "UPDATE branches SET rules_generation = rules_generation + 1 WHERE repository = $1";
pub(super) const SET_SETTINGS: &str = "UPDATE repositories SET settings = $2 WHERE id = $1";

pub(super) const CLAIM_NAME: &str = "
    INSERT INTO ref_names (repository, name, kind) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
pub(super) const NAME_KIND: &str = "SELECT kind FROM ref_names WHERE repository = $1 AND name = $2";
pub(super) const FREE_NAME: &str = "DELETE FROM ref_names WHERE repository = $1 AND name = $2";

pub(super) const INSERT_BRANCH: &str = "
    INSERT INTO branches (repository, name, incarnation, generation, base_generation, head, staged,
        folded_seq, seq, mode, protection, created_us, sealed_seq, rules_generation, expiry, touched_us)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
pub(super) const BRANCH: &str = "
    SELECT name, incarnation, generation, base_generation, head, staged, folded_seq, seq, mode, protection,
        created_us, sealed_seq, recent_writes, rules_generation, expiry, touched_us
    FROM branches WHERE repository = $1 AND name = $2";
pub(super) const BRANCHES: &str = "
    SELECT name, incarnation, generation, base_generation, head, staged, folded_seq, seq, mode, protection,
        created_us, sealed_seq, recent_writes, rules_generation, expiry, touched_us
    FROM branches WHERE repository = $1 ORDER BY name";
/// `$5` and `$6` are generation and seq, or NULL where they are not compared.
pub(super) const DELETE_BRANCH: &str = "
    DELETE FROM branches WHERE repository = $1 AND name = $2 AND incarnation = $3 AND rules_generation = $4
        AND generation = COALESCE($5, generation) AND seq = COALESCE($6, seq)";
pub(super) const SET_RULES: &str = "
    UPDATE branches SET mode = $3, protection = $4, expiry = $5, rules_generation = rules_generation + 1
    WHERE repository = $1 AND name = $2";

pub(super) const INSERT_TAG: &str = "INSERT INTO tags (repository, name, target) VALUES ($1, $2, $3)";
pub(super) const DELETE_TAG: &str = "DELETE FROM tags WHERE repository = $1 AND name = $2";
pub(super) const TAG: &str = "SELECT target FROM tags WHERE repository = $1 AND name = $2";
pub(super) const TAGS: &str = "SELECT name, target FROM tags WHERE repository = $1 ORDER BY name";

pub(super) const APPEND: &str = "
    UPDATE branches SET seq = $6, recent_writes = $7, touched_us = $9
    WHERE repository = $1 AND name = $2 AND incarnation = $3 AND base_generation = $4 AND seq = $5
        AND rules_generation = $8";
pub(super) const INSERT_LOG: &str = "
    INSERT INTO op_log (repository, incarnation, seq, ops, time_us, epoch, payload)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
pub(super) const LOG_AFTER: &str = "
    SELECT seq, ops, time_us, epoch, payload FROM op_log
    WHERE repository = $1 AND incarnation = $2 AND seq > $3 ORDER BY seq";
pub(super) const HAS_BATCH: &str = "
    SELECT 1 FROM op_log WHERE repository = $1 AND incarnation = $2 AND seq = $3";
pub(super) const DELETE_LOG: &str = "
    DELETE FROM op_log WHERE repository = $1 AND incarnation = $2 AND seq <= $3";
pub(super) const FOLD: &str = "
    UPDATE branches SET staged = $7, folded_seq = $8, recent_writes = $9
    WHERE repository = $1 AND name = $2 AND incarnation = $3 AND base_generation = $4 AND head = $5
        AND folded_seq = $6";
/// `$11` is the seq and `$13` the rules generation to compare, or NULL for a move that compares none.
pub(super) const MOVE_HEAD: &str = "
    UPDATE branches SET head = $7, staged = $8, folded_seq = $9, sealed_seq = $9,
        generation = generation + 1, base_generation = base_generation + $10, recent_writes = $12,
        touched_us = $14
    WHERE repository = $1 AND name = $2 AND incarnation = $3 AND base_generation = $4 AND head = $5
        AND folded_seq = $6 AND seq = COALESCE($11, seq) AND rules_generation = COALESCE($13, rules_generation)";

pub(super) const COUNT_EVENTS: &str = "
    UPDATE branches SET events = events + $4 WHERE repository = $1 AND name = $2 AND incarnation = $3";
pub(super) const LAST_EVENT: &str = "
    SELECT events FROM branches WHERE repository = $1 AND incarnation = $2";
/// The rows follow.
pub(super) const INSERT_EVENTS: &str =
    "INSERT INTO events (repository, incarnation, number, time_us, payload) ";
pub(super) const EVENTS_AFTER: &str = "
    SELECT number, time_us, payload FROM events
    WHERE repository = $1 AND incarnation = $2 AND number > $3 ORDER BY number LIMIT $4";
pub(super) const FORGET_EVENTS: &str = "
    DELETE FROM events WHERE repository = $1 AND incarnation = $2 AND number <= $3";

pub(super) const INDEX_COMMIT: &str = "
    INSERT INTO commits (repository, id, epoch, generation, parents) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (repository, id) DO UPDATE SET epoch = excluded.epoch WHERE excluded.epoch > commits.epoch";
pub(super) const HAS_COMMIT: &str = "SELECT 1 FROM commits WHERE repository = $1 AND id = $2";
/// How many ids [`COMMITS`] takes at once.
pub(super) const COMMITS_AT_ONCE: usize = 16;
pub(super) const COMMITS: &str = "
    SELECT id, epoch, generation, parents FROM commits
    WHERE repository = $1
        AND id IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
pub(super) const COMMITS_UP_TO: &str = "
    SELECT id, epoch, generation, parents FROM commits
    WHERE repository = $1 AND generation <= $2 ORDER BY generation DESC, id DESC LIMIT $3";
pub(super) const INDEX_CHILD: &str = "
    INSERT INTO commit_children (repository, parent, child) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
/// How many parents [`CHILDREN`] takes at once.
pub(super) const PARENTS_AT_ONCE: usize = 16;
/// Joined crosswise, which SQLite takes in this order: it would walk the whole index of generations otherwise.
pub(super) const CHILDREN: &str = "
    SELECT DISTINCT one.id, one.epoch, one.generation, one.parents
    FROM commit_children of CROSS JOIN commits one
    WHERE of.repository = $1
        AND of.parent IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
        AND one.repository = $1 AND one.id = of.child
    ORDER BY one.generation, one.id LIMIT $18";
pub(super) const BEGIN_LINE: &str = "
    INSERT INTO commit_lines (repository, id, generation, depth, parent, jump, jump_generation)
    VALUES ($1, $2, $3, 0, NULL, $2, $3) ON CONFLICT DO NOTHING";
/// `$4` is the first parent. Of it, its jump, and the jump of that, the two lengths are compared.
pub(super) const CONTINUE_LINE: &str = "
    INSERT INTO commit_lines (repository, id, generation, depth, parent, jump, jump_generation)
    SELECT $1, $2, $3, one.depth + 1, one.id,
        CASE WHEN one.depth - two.depth = two.depth - three.depth THEN three.id ELSE one.id END,
        CASE WHEN one.depth - two.depth = two.depth - three.depth THEN three.generation ELSE one.generation END
    FROM commit_lines one
        JOIN commit_lines two ON two.repository = one.repository AND two.id = one.jump
        JOIN commit_lines three ON three.repository = one.repository AND three.id = two.jump
    WHERE one.repository = $1 AND one.id = $4 ON CONFLICT DO NOTHING";
pub(super) const HAS_LINE: &str = "SELECT 1 FROM commit_lines WHERE repository = $1 AND id = $2";
/// From `$2` towards the root: where the jump does not lead below `$3` that, otherwise one parent back.
pub(super) const LINE_FROM: &str = "
    WITH RECURSIVE line (id, generation, next) AS (
        SELECT id, generation, CASE WHEN jump_generation >= $3 THEN jump ELSE parent END
        FROM commit_lines WHERE repository = $1 AND id = $2
        UNION ALL
        SELECT back.id, back.generation, CASE WHEN back.jump_generation >= $3 THEN back.jump ELSE back.parent END
        FROM line JOIN commit_lines back ON back.repository = $1 AND back.id = line.next
        WHERE line.generation > $3
    )
    SELECT id FROM line WHERE generation >= $3 ORDER BY generation LIMIT 1";
pub(super) const INDEXED_REPOSITORIES: &str = "SELECT DISTINCT repository FROM commits";
pub(super) const COMMITS_IN_ORDER: &str = "
    SELECT id, epoch, generation, parents FROM commits WHERE repository = $1 ORDER BY generation, id";
pub(super) const COMMITS_BETWEEN: &str = "
    SELECT id FROM commits WHERE repository = $1 AND id >= $2 AND id <= $3 ORDER BY id LIMIT $4";

pub(super) const INSERT_REF_LOG: &str = "
    INSERT INTO ref_log (repository, name, time_us, moved_from, moved_to, reason)
    VALUES ($1, $2, $3, $4, $5, $6)";
pub(super) const REF_LOG: &str = "
    SELECT name, time_us, moved_from, moved_to, reason FROM ref_log
    WHERE repository = $1 ORDER BY number DESC LIMIT $2";

pub(super) const SMALL: &str = "
    SELECT content FROM small_records WHERE repository = $1 AND namespace = $2 AND record_key = $3";
pub(super) const SET_SMALL: &str = "
    INSERT INTO small_records (repository, namespace, record_key, content) VALUES ($1, $2, $3, $4)
    ON CONFLICT (repository, namespace, record_key) DO UPDATE SET content = excluded.content";
pub(super) const DELETE_SMALL: &str = "
    DELETE FROM small_records WHERE repository = $1 AND namespace = $2 AND record_key = $3";
pub(super) const LIST_SMALL: &str = "
    SELECT record_key, content FROM small_records
    WHERE repository = $1 AND namespace = $2 AND record_key >= $3 AND record_key < $4
    ORDER BY record_key LIMIT $5";
pub(super) const SMALL_VERSION: &str = "
    SELECT version FROM small_versions WHERE repository = $1 AND namespace = $2";
pub(super) const BEGIN_VERSIONS: &str = "
    INSERT INTO small_versions (repository, namespace, version) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING";
pub(super) const NEXT_VERSION: &str = "
    UPDATE small_versions SET version = version + 1
    WHERE repository = $1 AND namespace = $2 AND version = $3";
