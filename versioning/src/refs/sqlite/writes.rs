//! Writes that take several steps, each within the transaction it is given.

use super::database::Write;
use super::rows::{self, BranchRow, RulesRow, sql};
use crate::refs::{
    BranchRecord, Cas, CommitEntry, Expected, HeadMove, LogRecord, Removal, RepositoryId, RepositoryRecord,
    RepositoryRules, encode_roots, record, rules, sql as text,
};
use crate::{CommitId, RefName, Result, Roots};

/// A query with its values.
type Query = sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

/// One recorded move of a ref.
pub(super) struct Move<'a> {
    pub(super) name: &'a RefName,
    pub(super) time_us: u64,
    pub(super) from: Option<CommitId>,
    pub(super) to: Option<CommitId>,
    pub(super) reason: &'a str,
}

impl Write<'_> {
    /// Runs a statement; returns how many rows it changed.
    pub(super) async fn run(&mut self, query: Query) -> Result<u64> {
        let failed = self.failed();
        let done = query.execute(&mut self.connection).await.map_err(failed)?;
        Ok(done.rows_affected())
    }

    pub(super) async fn exists(&mut self, query: Query) -> Result<bool> {
        let failed = self.failed();
        Ok(query
            .fetch_optional(&mut self.connection)
            .await
            .map_err(failed)?
            .is_some())
    }

    pub(super) async fn epoch(&mut self) -> Result<u32> {
        let failed = self.failed();
        let epoch = sqlx::query_scalar(text::EPOCH)
            .fetch_one(&mut self.connection)
            .await;
        rows::epoch(epoch.map_err(failed)?)
    }

    async fn check_epoch(&mut self, expected: &Expected) -> Result<()> {
        let current = self.epoch().await?;
        rules::check_epoch(self.operation, expected.epoch, current)
    }

    pub(super) async fn check_repository(&mut self, id: RepositoryId) -> Result<()> {
        match self.exists(query(text::HAS_REPOSITORY, id)).await? {
            true => Ok(()),
            false => Err(rules::no_repository(id)),
        }
    }

    async fn rules_row(&mut self, id: RepositoryId) -> Result<Option<RulesRow>> {
        let failed = self.failed();
        let found = sqlx::query_as(text::RULES).bind(id.0.to_vec());
        found.fetch_optional(&mut self.connection).await.map_err(failed)
    }

    /// Fails unless the repository is there and takes writes.
    async fn check_open(&mut self, id: RepositoryId) -> Result<()> {
        let row = self
            .rules_row(id)
            .await?
            .ok_or_else(|| rules::no_repository(id))?;
        rules::check_open(&row.0, &rows::rules_of(&row)?.1)
    }

    pub(super) async fn set_repository_rules(
        &mut self,
        id: RepositoryId,
        generation: u64,
        rules: &RepositoryRules,
    ) -> Result<bool> {
        self.check_repository(id).await?;
        let set = query(text::SET_REPOSITORY_RULES, id)
            .bind(sql(generation)?)
            .bind(record::encode_rules(rules));
        if self.run(set).await? == 0 {
            return Ok(false);
        }
        self.run(query(text::RULES_OF_ALL, id)).await?;
        Ok(true)
    }

    async fn check_commit(&mut self, id: RepositoryId, commit: CommitId) -> Result<()> {
        match self
            .exists(query(text::HAS_COMMIT, id).bind(bytes(&commit)))
            .await?
        {
            true => Ok(()),
            false => Err(rules::missing("commit", &commit)),
        }
    }

    /// Takes a name for a `kind`, `branch` or `tag`.
    async fn claim(&mut self, id: RepositoryId, name: &RefName, kind: &'static str) -> Result<()> {
        if self
            .run(query(text::CLAIM_NAME, id).bind(name.to_string()).bind(kind))
            .await?
            == 1
        {
            return Ok(());
        }
        let failed = self.failed();
        let taken = sqlx::query_scalar(text::NAME_KIND)
            .bind(id.0.to_vec())
            .bind(name.to_string());
        let taken: String = taken.fetch_one(&mut self.connection).await.map_err(failed)?;
        let what = if taken == "tag" { "tag" } else { "branch" };
        Err(rules::taken(what, name))
    }

    pub(super) async fn branch(&mut self, id: RepositoryId, name: &RefName) -> Result<Option<BranchRecord>> {
        let failed = self.failed();
        let row = sqlx::query_as(text::BRANCH)
            .bind(id.0.to_vec())
            .bind(name.to_string());
        let row: Option<BranchRow> = row.fetch_optional(&mut self.connection).await.map_err(failed)?;
        row.map(rows::branch).transpose()
    }

    async fn record_move(&mut self, id: RepositoryId, step: Move<'_>) -> Result<()> {
        let insert = query(text::INSERT_REF_LOG, id)
            .bind(step.name.to_string())
            .bind(sql(step.time_us)?)
            .bind(step.from.as_ref().map(bytes))
            .bind(step.to.as_ref().map(bytes))
            .bind(step.reason.to_owned());
        self.run(insert).await.map(drop)
    }

    pub(super) async fn create_repository(
        &mut self,
        repository: &RepositoryRecord,
        first: &BranchRecord,
        root: &CommitEntry,
    ) -> Result<()> {
        let insert = query(text::INSERT_REPOSITORY, repository.id)
            .bind(repository.name.to_string())
            .bind(repository.default_branch.to_string())
            .bind(sql(repository.created_us)?)
            .bind(record::encode_settings(&rules::in_order(&repository.settings)));
        if self.run(insert).await? == 0 {
            return Err(rules::taken("repository", &repository.name));
        }
        self.index(repository.id, std::slice::from_ref(root)).await?;
        self.create_branch(repository.id, first).await
    }

    pub(super) async fn create_branch(&mut self, id: RepositoryId, branch: &BranchRecord) -> Result<()> {
        self.check_open(id).await?;
        self.claim(id, &branch.name, "branch").await?;
        self.check_commit(id, branch.head).await?;
        let insert = query(text::INSERT_BRANCH, id)
            .bind(branch.name.to_string())
            .bind(branch.incarnation.to_vec())
            .bind(sql(branch.generation)?)
            .bind(sql(branch.base_generation)?)
            .bind(bytes(&branch.head))
            .bind(branch.staged.as_ref().map(encode_roots))
            .bind(sql(branch.folded_seq)?)
            .bind(sql(branch.seq)?)
            .bind(record::encode_mode(branch.mode))
            .bind(branch.protection.as_ref().map(record::encode_protection))
            .bind(sql(branch.created_us)?)
            .bind(sql(branch.sealed_seq)?)
            .bind(sql(branch.rules_generation)?)
            .bind(record::encode_expiry(branch.expiry))
            .bind(sql(branch.touched_us)?);
        self.run(insert).await?;
        let (name, time_us, to) = (&branch.name, branch.created_us, Some(branch.head));
        self.record_move(
            id,
            Move {
                name,
                time_us,
                from: None,
                to,
                reason: "create branch",
            },
        )
        .await
    }

    pub(super) async fn delete_branch(
        &mut self,
        id: RepositoryId,
        name: &RefName,
        removal: &Removal,
    ) -> Result<Cas> {
        let Some(branch) = self.branch(id, name).await? else {
            return Ok(Cas::Lost(None));
        };
        self.check_open(id).await?;
        let incarnation = removal.incarnation;
        let [generation, seq] = rules::untouched(removal).map(|number| number.map(sql).transpose());
        let delete = query(text::DELETE_BRANCH, id)
            .bind(name.to_string())
            .bind(incarnation.to_vec())
            .bind(sql(removal.rules)?)
            .bind(generation?)
            .bind(seq?);
        if self.run(delete).await? == 0 {
            return Ok(Cas::Lost(Some(branch)));
        }
        self.drop_log(id, incarnation, rules::NUMBER_MAX).await?;
        self.forget_events(id, incarnation, rules::NUMBER_MAX).await?;
        self.run(query(text::FREE_NAME, id).bind(name.to_string()))
            .await?;
        let from = Some(branch.head);
        self.record_move(
            id,
            Move {
                name,
                time_us: removal.time_us,
                from,
                to: None,
                reason: &removal.reason,
            },
        )
        .await?;
        Ok(Cas::Done)
    }

    pub(super) async fn create_tag(
        &mut self,
        id: RepositoryId,
        name: &RefName,
        commit: CommitId,
        time_us: u64,
    ) -> Result<()> {
        self.check_open(id).await?;
        self.claim(id, name, "tag").await?;
        self.check_commit(id, commit).await?;
        let insert = query(text::INSERT_TAG, id)
            .bind(name.to_string())
            .bind(bytes(&commit));
        self.run(insert).await?;
        let to = Some(commit);
        self.record_move(
            id,
            Move {
                name,
                time_us,
                from: None,
                to,
                reason: "create tag",
            },
        )
        .await
    }

    pub(super) async fn delete_tag(
        &mut self,
        id: RepositoryId,
        name: &RefName,
        time_us: u64,
    ) -> Result<bool> {
        let failed = self.failed();
        let tag = sqlx::query_scalar(text::TAG)
            .bind(id.0.to_vec())
            .bind(name.to_string());
        let tag: Option<Vec<u8>> = tag.fetch_optional(&mut self.connection).await.map_err(failed)?;
        let Some(tag) = tag else { return Ok(false) };
        self.check_open(id).await?;
        self.run(query(text::DELETE_TAG, id).bind(name.to_string()))
            .await?;
        self.run(query(text::FREE_NAME, id).bind(name.to_string()))
            .await?;
        let from = Some(rows::commit_id(&tag)?);
        self.record_move(
            id,
            Move {
                name,
                time_us,
                from,
                to: None,
                reason: "delete tag",
            },
        )
        .await?;
        Ok(true)
    }

    pub(super) async fn append(
        &mut self,
        id: RepositoryId,
        name: &RefName,
        expected: &Expected,
        record: &LogRecord,
    ) -> Result<Cas> {
        self.check_epoch(expected).await?;
        let Some(found) = self.branch(id, name).await? else {
            return Ok(Cas::Lost(None));
        };
        let update = compare(text::APPEND, id, name, expected)?
            .bind(sql(expected.seq)?)
            .bind(sql(record.seq)?)
            .bind(remembering(&found, expected))
            .bind(sql(expected.rules)?)
            .bind(sql(record.time_us)?);
        if self.run(update).await? == 0 {
            return Ok(Cas::Lost(Some(found)));
        }
        let insert = query(text::INSERT_LOG, id)
            .bind(expected.incarnation.to_vec())
            .bind(sql(record.seq)?)
            .bind(i64::from(record.ops))
            .bind(sql(record.time_us)?)
            .bind(i64::from(record.epoch))
            .bind(record.payload.to_vec());
        self.run(insert).await?;
        self.events_of(id, name, expected.incarnation, record).await?;
        Ok(Cas::Done)
    }

    pub(super) async fn fold(
        &mut self,
        id: RepositoryId,
        name: &RefName,
        expected: &Expected,
        staged: &Roots,
        folded_seq: u64,
    ) -> Result<Cas> {
        self.check_epoch(expected).await?;
        let Some(found) = self.branch(id, name).await? else {
            return Ok(Cas::Lost(None));
        };
        let update = compare(text::FOLD, id, name, expected)?
            .bind(bytes(&expected.head))
            .bind(sql(expected.folded_seq)?)
            .bind(encode_roots(staged))
            .bind(sql(folded_seq)?)
            .bind(remembering(&found, expected));
        if self.run(update).await? == 0 {
            return Ok(Cas::Lost(Some(found)));
        }
        self.fold_log(id, expected, folded_seq).await?;
        Ok(Cas::Done)
    }

    pub(super) async fn move_head(
        &mut self,
        id: RepositoryId,
        name: &RefName,
        expected: &Expected,
        to: &HeadMove,
    ) -> Result<Cas> {
        self.check_epoch(expected).await?;
        let Some(found) = self.branch(id, name).await? else {
            return Ok(Cas::Lost(None));
        };
        let update = compare(text::MOVE_HEAD, id, name, expected)?
            .bind(bytes(&expected.head))
            .bind(sql(expected.folded_seq)?)
            .bind(bytes(&to.head))
            .bind(to.staged.as_ref().map(encode_roots))
            .bind(sql(to.folded_seq)?)
            .bind(i64::from(to.rebased))
            .bind(to.rebased.then_some(sql(expected.seq)?))
            .bind(remembering(&found, expected))
            .bind(to.rules.map(sql).transpose()?)
            .bind(sql(to.time_us)?);
        if self.run(update).await? == 0 {
            return Ok(Cas::Lost(Some(found)));
        }
        self.fold_log(id, expected, to.folded_seq).await?;
        self.index(id, &to.index).await?;
        self.check_commit(id, to.head).await?;
        let (from, reached) = (Some(expected.head), Some(to.head));
        let step = Move {
            name,
            time_us: to.time_us,
            from,
            to: reached,
            reason: &to.reason,
        };
        self.record_move(id, step).await?;
        self.events(id, name, expected.incarnation, to.time_us, &to.events)
            .await?;
        Ok(Cas::Done)
    }

    /// Removes what was folded, which has to end with a batch.
    async fn fold_log(&mut self, id: RepositoryId, expected: &Expected, folded_seq: u64) -> Result<()> {
        if folded_seq == expected.folded_seq {
            return Ok(());
        }
        let batch = query(text::HAS_BATCH, id)
            .bind(expected.incarnation.to_vec())
            .bind(sql(folded_seq)?);
        rules::demand(self.exists(batch).await?, "a fold does not end with a batch")?;
        self.drop_log(id, expected.incarnation, folded_seq).await
    }

    async fn drop_log(&mut self, id: RepositoryId, incarnation: [u8; 16], up_to: u64) -> Result<()> {
        let delete = query(text::DELETE_LOG, id)
            .bind(incarnation.to_vec())
            .bind(sql(up_to)?);
        self.run(delete).await.map(drop)
    }
}

/// Returns a query whose first value is the repository.
pub(super) fn query(text: &'static str, id: RepositoryId) -> Query {
    sqlx::query(text).bind(id.0.to_vec())
}

/// Returns a query whose first values are repository, name, and what every compare-and-set compares.
fn compare(text: &'static str, id: RepositoryId, name: &RefName, expected: &Expected) -> Result<Query> {
    Ok(query(text, id)
        .bind(name.to_string())
        .bind(expected.incarnation.to_vec())
        .bind(sql(expected.base_generation)?))
}

/// Returns the writes that `found` remembers once what is `expected` was done to it.
fn remembering(found: &BranchRecord, expected: &Expected) -> Vec<u8> {
    let mut after = found.clone();
    after.remember(expected.write);
    record::encode_writes(&after.recent_writes)
}

pub(super) fn bytes(id: &CommitId) -> Vec<u8> {
    id.0.0.to_vec()
}
