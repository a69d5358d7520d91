//! Refs in one SQLite file, for the embedded store: one process, and every write synced to the disk.

mod database;
mod history;
mod rows;
mod state;
#[cfg(test)]
mod tests;
mod writes;

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{FromRow, Sqlite};

use self::database::Database;
use self::rows::{sql, sql_limit};
use self::writes::{bytes, query};
use super::{
    BranchRecord, BranchRules, Cas, CommitEntry, EventRecord, EventRun, Expected, HeadMove, LogRecord,
    RefLogEntry, RefStore, Removal, RepositoryId, RepositoryRecord, RepositoryRules, record, rules,
    sql as text,
};
use crate::{CommitId, RefName, RepositoryName, Result, Roots};

/// A ref store in an SQLite database in write-ahead mode with full syncs.
///
/// The folder of the file has to be locked ([`super::FolderLock`]): the database itself would bear a second
/// process, the state that writers keep in memory would not.
#[derive(Debug)]
pub struct SqliteRefs {
    database: Database,
}

type Rows<T> = sqlx::query::QueryAs<'static, Sqlite, T, SqliteArguments>;

impl SqliteRefs {
    /// Opens the database file, or creates it, and brings its schema up to date.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`] if the file is no database or a damaged one; [`crate::Error::Refused`] if a later skep
    /// wrote it; [`crate::Error::NoSpace`]; [`crate::Error::Storage`].
    pub async fn open(path: &Path) -> Result<SqliteRefs> {
        Ok(SqliteRefs {
            database: Database::open(path).await?,
        })
    }

    /// Closes the database, after which every call fails. Not needed for durability: what was acknowledged is
    /// on the disk already; it leaves a single file without a write-ahead log.
    ///
    /// # Errors
    /// [`crate::Error::Storage`].
    pub async fn close(&self) -> Result<()> {
        self.database.close().await
    }

    async fn all<T>(&self, operation: &'static str, rows: Rows<T>) -> Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin + 'static,
    {
        rows.fetch_all(self.database.readers())
            .await
            .map_err(self.database.failed(operation))
    }

    async fn one<T>(&self, operation: &'static str, rows: Rows<T>) -> Result<Option<T>>
    where
        T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin + 'static,
    {
        rows.fetch_optional(self.database.readers())
            .await
            .map_err(self.database.failed(operation))
    }
}

/// Returns a query for rows whose first value is the repository.
fn rows_of<T>(text: &'static str, id: RepositoryId) -> Rows<T>
where
    T: for<'r> FromRow<'r, SqliteRow>,
{
    sqlx::query_as(text).bind(id.0.to_vec())
}

#[async_trait]
impl RefStore for SqliteRefs {
    fn shared(&self) -> bool {
        false
    }

    async fn epoch(&self) -> Result<u32> {
        let found = sqlx::query_scalar(text::EPOCH)
            .fetch_one(self.database.readers())
            .await;
        rows::epoch(found.map_err(self.database.failed("reading the epoch"))?)
    }

    async fn begin_epoch_after(&self, current: u32) -> Result<u32> {
        let mut write = self.database.write("beginning an epoch").await?;
        let outcome = async {
            write
                .run(sqlx::query(text::BEGIN_EPOCH).bind(i64::from(current)))
                .await?;
            let epoch = write.epoch().await?;
            rules::demand(current < epoch, "an epoch was skipped")?;
            Ok(epoch)
        };
        let outcome = outcome.await;
        write.end(outcome).await
    }

    async fn create_repository(
        &self,
        repository: &RepositoryRecord,
        first: &BranchRecord,
        root: &CommitEntry,
    ) -> Result<()> {
        rules::check_repository(repository, first, root)?;
        let mut write = self.database.write("creating a repository").await?;
        let outcome = write.create_repository(repository, first, root).await;
        write.end(outcome).await
    }

    async fn repository(&self, name: &RepositoryName) -> Result<Option<RepositoryRecord>> {
        let found = sqlx::query_as(text::REPOSITORY).bind(name.to_string());
        self.one("reading a repository", found)
            .await?
            .map(rows::repository)
            .transpose()
    }

    async fn repositories(&self) -> Result<Vec<RepositoryRecord>> {
        let found = self
            .all("listing repositories", sqlx::query_as(text::REPOSITORIES))
            .await?;
        found.into_iter().map(rows::repository).collect()
    }

    async fn set_repository_settings(&self, id: RepositoryId, settings: &[(String, String)]) -> Result<()> {
        let mut write = self.database.write("changing settings").await?;
        let settings = record::encode_settings(&rules::in_order(settings));
        let outcome = match write.run(query(text::SET_SETTINGS, id).bind(settings)).await {
            Ok(0) => Err(rules::no_repository(id)),
            outcome => outcome.map(drop),
        };
        write.end(outcome).await
    }

    async fn repository_rules(&self, id: RepositoryId) -> Result<(u64, RepositoryRules)> {
        let found = rows_of::<rows::RulesRow>(text::RULES, id);
        let found = self.one("reading rules", found).await?;
        found.map_or_else(|| Ok(Default::default()), |row| rows::rules_of(&row))
    }

    async fn set_repository_rules(
        &self,
        id: RepositoryId,
        generation: u64,
        rules: &RepositoryRules,
    ) -> Result<bool> {
        rules::check_numbers(&[generation])?;
        let mut write = self.database.write("changing rules").await?;
        let outcome = write.set_repository_rules(id, generation, rules).await;
        write.end(outcome).await
    }

    async fn create_branch(&self, id: RepositoryId, branch: &BranchRecord) -> Result<()> {
        rules::check_branch(branch)?;
        let mut write = self.database.write("creating a branch").await?;
        let outcome = write.create_branch(id, branch).await;
        write.end(outcome).await
    }

    async fn delete_branch(&self, id: RepositoryId, name: &RefName, removal: &Removal) -> Result<Cas> {
        rules::check_removal(removal)?;
        let mut write = self.database.write("deleting a branch").await?;
        let outcome = write.delete_branch(id, name, removal).await;
        write.end(outcome).await
    }

    async fn branch(&self, id: RepositoryId, name: &RefName) -> Result<Option<BranchRecord>> {
        let found = rows_of(text::BRANCH, id).bind(name.to_string());
        self.one("reading a branch", found)
            .await?
            .map(rows::branch)
            .transpose()
    }

    async fn branches(&self, id: RepositoryId) -> Result<Vec<BranchRecord>> {
        let found = self.all("listing branches", rows_of(text::BRANCHES, id)).await?;
        found.into_iter().map(rows::branch).collect()
    }

    async fn set_branch_rules(&self, id: RepositoryId, name: &RefName, rules: &BranchRules) -> Result<()> {
        let mut write = self.database.write("changing the rules of a branch").await?;
        let update = query(text::SET_RULES, id)
            .bind(name.to_string())
            .bind(record::encode_mode(rules.mode))
            .bind(rules.protection.as_ref().map(record::encode_protection))
            .bind(record::encode_expiry(rules.expiry));
        let outcome = match write.run(update).await {
            Ok(0) => match write.check_repository(id).await {
                Ok(()) => Err(rules::missing("branch", name)),
                Err(e) => Err(e),
            },
            outcome => outcome.map(drop),
        };
        write.end(outcome).await
    }

    async fn create_tag(
        &self,
        id: RepositoryId,
        name: &RefName,
        commit: CommitId,
        time_us: u64,
    ) -> Result<()> {
        rules::check_numbers(&[time_us])?;
        let mut write = self.database.write("creating a tag").await?;
        let outcome = write.create_tag(id, name, commit, time_us).await;
        write.end(outcome).await
    }

    async fn delete_tag(&self, id: RepositoryId, name: &RefName, time_us: u64) -> Result<bool> {
        rules::check_numbers(&[time_us])?;
        let mut write = self.database.write("deleting a tag").await?;
        let outcome = write.delete_tag(id, name, time_us).await;
        write.end(outcome).await
    }

    async fn tag(&self, id: RepositoryId, name: &RefName) -> Result<Option<CommitId>> {
        let found = rows_of::<(Vec<u8>,)>(text::TAG, id).bind(name.to_string());
        let found = self.one("reading a tag", found).await?;
        found.map(|(target,)| rows::commit_id(&target)).transpose()
    }

    async fn tags(&self, id: RepositoryId) -> Result<Vec<(RefName, CommitId)>> {
        let found = self
            .all("listing tags", rows_of::<(String, Vec<u8>)>(text::TAGS, id))
            .await?;
        let tag = |(name, target): (String, Vec<u8>)| Ok((rows::ref_name(&name)?, rows::commit_id(&target)?));
        found.into_iter().map(tag).collect()
    }

    async fn append(
        &self,
        id: RepositoryId,
        name: &RefName,
        expected: &Expected,
        record: &LogRecord,
    ) -> Result<Cas> {
        rules::check_append(expected, record)?;
        let mut write = self.database.write("append").await?;
        let outcome = write.append(id, name, expected, record).await;
        write.end(outcome).await
    }

    async fn log_after(&self, id: RepositoryId, incarnation: [u8; 16], after: u64) -> Result<Vec<LogRecord>> {
        let after = sql(after.min(rules::NUMBER_MAX))?;
        let found = rows_of(text::LOG_AFTER, id)
            .bind(incarnation.to_vec())
            .bind(after);
        self.all("reading the log", found)
            .await?
            .into_iter()
            .map(rows::log)
            .collect()
    }

    async fn fold(
        &self,
        id: RepositoryId,
        name: &RefName,
        expected: &Expected,
        staged: &Roots,
        folded_seq: u64,
    ) -> Result<Cas> {
        rules::check_fold(expected, folded_seq)?;
        let mut write = self.database.write("fold").await?;
        let outcome = write.fold(id, name, expected, staged, folded_seq).await;
        write.end(outcome).await
    }

    async fn move_head(
        &self,
        id: RepositoryId,
        name: &RefName,
        expected: &Expected,
        to: &HeadMove,
    ) -> Result<Cas> {
        rules::check_move(expected, to)?;
        let mut write = self.database.write("moving the head").await?;
        let outcome = write.move_head(id, name, expected, to).await;
        write.end(outcome).await
    }

    async fn index_commits(&self, id: RepositoryId, entries: &[CommitEntry]) -> Result<()> {
        rules::check_entries(entries)?;
        let mut write = self.database.write("indexing commits").await?;
        let outcome = match write.check_repository(id).await {
            Ok(()) => write.index(id, entries).await,
            missing => missing,
        };
        write.end(outcome).await
    }

    async fn commit_entries(&self, id: RepositoryId, ids: &[CommitId]) -> Result<Vec<CommitEntry>> {
        let mut known = BTreeMap::new();
        for some in ids.chunks(text::COMMITS_AT_ONCE) {
            let found = bind_ids(rows_of(text::COMMITS, id), some, text::COMMITS_AT_ONCE);
            for row in self.all("reading the commit index", found).await? {
                let entry = rows::commit(row)?;
                known.insert(entry.id, entry);
            }
        }
        Ok(ids.iter().filter_map(|id| known.get(id)).cloned().collect())
    }

    async fn commits_up_to(
        &self,
        id: RepositoryId,
        generation: u64,
        limit: usize,
    ) -> Result<Vec<CommitEntry>> {
        let found = rows_of(text::COMMITS_UP_TO, id)
            .bind(sql(generation.min(rules::NUMBER_MAX))?)
            .bind(sql_limit(limit));
        let found = self.all("reading the commit index", found).await?;
        found.into_iter().map(rows::commit).collect()
    }

    async fn children(
        &self,
        id: RepositoryId,
        parents: &[CommitId],
        limit: usize,
    ) -> Result<Vec<CommitEntry>> {
        let mut known = BTreeMap::new();
        for some in parents.chunks(text::PARENTS_AT_ONCE) {
            let found =
                bind_ids(rows_of(text::CHILDREN, id), some, text::PARENTS_AT_ONCE).bind(sql_limit(limit));
            for row in self.all("reading the commit index", found).await? {
                let entry = rows::commit(row)?;
                known.insert((entry.generation, entry.id), entry);
            }
        }
        Ok(known.into_values().take(limit).collect())
    }

    async fn first_parent_from(
        &self,
        id: RepositoryId,
        head: CommitId,
        generation: u64,
    ) -> Result<Option<CommitId>> {
        let found = rows_of::<(Vec<u8>,)>(text::LINE_FROM, id)
            .bind(bytes(&head))
            .bind(sql(generation.min(rules::NUMBER_MAX))?);
        let found = self.one("reading the commit index", found).await?;
        found.map(|(id,)| rows::commit_id(&id)).transpose()
    }

    async fn commits_by_prefix(&self, id: RepositoryId, prefix: &str, limit: usize) -> Result<Vec<CommitId>> {
        let Some((first, last)) = rules::ids_by_prefix(prefix) else {
            return Ok(Vec::new());
        };
        let found = rows_of::<(Vec<u8>,)>(text::COMMITS_BETWEEN, id)
            .bind(bytes(&first))
            .bind(bytes(&last))
            .bind(sql_limit(limit));
        let found = self.all("searching commits", found).await?;
        found.iter().map(|(id,)| rows::commit_id(id)).collect()
    }

    async fn ref_log(&self, id: RepositoryId, limit: usize) -> Result<Vec<RefLogEntry>> {
        let found = rows_of(text::REF_LOG, id).bind(sql_limit(limit));
        self.all("reading the ref log", found)
            .await?
            .into_iter()
            .map(rows::ref_log)
            .collect()
    }

    async fn kv_get(&self, id: RepositoryId, namespace: &str, key: &str) -> Result<Option<Bytes>> {
        let found = rows_of::<(Vec<u8>,)>(text::SMALL, id)
            .bind(namespace.to_owned())
            .bind(key.as_bytes().to_vec());
        Ok(self
            .one("reading a record", found)
            .await?
            .map(|(content,)| content.into()))
    }

    async fn kv_write(
        &self,
        id: RepositoryId,
        namespace: &str,
        changes: &[(String, Option<Bytes>)],
    ) -> Result<()> {
        rules::check_keys(changes.iter().map(|(key, _)| key))?;
        let mut write = self.database.write("writing records").await?;
        let outcome = match write.check_repository(id).await {
            Ok(()) => write.small(id, namespace, changes).await,
            missing => missing,
        };
        write.end(outcome).await
    }

    async fn kv_list(
        &self,
        id: RepositoryId,
        namespace: &str,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, Bytes)>> {
        let (first, end) = listed(prefix, after);
        let found = rows_of::<(Vec<u8>, Vec<u8>)>(text::LIST_SMALL, id)
            .bind(namespace.to_owned())
            .bind(first)
            .bind(end)
            .bind(sql_limit(limit));
        let found = self.all("listing records", found).await?;
        found
            .into_iter()
            .map(|(key, content)| Ok((rows::key(key)?, content.into())))
            .collect()
    }

    async fn kv_version(&self, id: RepositoryId, namespace: &str) -> Result<u64> {
        let found = rows_of::<(i64,)>(text::SMALL_VERSION, id).bind(namespace.to_owned());
        let found = self.one("reading a version", found).await?;
        found.map_or(Ok(0), |(version,)| rows::count("version", version))
    }

    async fn kv_swap(
        &self,
        id: RepositoryId,
        namespace: &str,
        version: u64,
        changes: &[(String, Option<Bytes>)],
    ) -> Result<bool> {
        rules::check_keys(changes.iter().map(|(key, _)| key))?;
        rules::check_numbers(&[version])?;
        let mut write = self.database.write("swapping records").await?;
        let outcome = match write.check_repository(id).await {
            Ok(()) => write.swap_small(id, namespace, version, changes).await,
            Err(missing) => Err(missing),
        };
        write.end(outcome).await
    }

    async fn add_events(
        &self,
        id: RepositoryId,
        name: &RefName,
        incarnation: [u8; 16],
        time_us: u64,
        events: &[EventRun],
    ) -> Result<Cas> {
        rules::check_numbers(&[time_us])?;
        let mut write = self.database.write("telling of a branch").await?;
        let outcome = write.add_events(id, name, incarnation, time_us, events).await;
        write.end(outcome).await
    }

    async fn last_event(&self, id: RepositoryId, incarnation: [u8; 16]) -> Result<u64> {
        let found = rows_of::<(i64,)>(text::LAST_EVENT, id).bind(incarnation.to_vec());
        let found = self.one("reading the last event", found).await?;
        found.map_or(Ok(0), |(last,)| rows::count("count of events", last))
    }

    async fn events_after(
        &self,
        id: RepositoryId,
        incarnation: [u8; 16],
        after: u64,
        limit: usize,
    ) -> Result<Vec<EventRecord>> {
        let found = rows_of(text::EVENTS_AFTER, id)
            .bind(incarnation.to_vec())
            .bind(sql(after.min(rules::NUMBER_MAX))?)
            .bind(sql_limit(limit));
        let found = self.all("reading events", found).await?;
        found.into_iter().map(rows::event).collect()
    }

    async fn forget_events(&self, id: RepositoryId, incarnation: [u8; 16], up_to: u64) -> Result<()> {
        let mut write = self.database.write("forgetting events").await?;
        let outcome = write
            .forget_events(id, incarnation, up_to.min(rules::NUMBER_MAX))
            .await;
        write.end(outcome).await
    }
}

/// Binds ids to a query that takes `taken` of them, of which some may be equal.
fn bind_ids<T>(rows: Rows<T>, ids: &[CommitId], taken: usize) -> Rows<T> {
    let ids = ids.iter().cycle().take(taken);
    ids.fold(rows, |rows, id| rows.bind(bytes(id)))
}

/// Returns the first key that begins with `prefix` and comes after `after`, and the end of those that begin
/// with `prefix`. No key holds the byte 0xff, since keys are UTF-8.
fn listed(prefix: &str, after: &str) -> (Vec<u8>, Vec<u8>) {
    let mut first = prefix.as_bytes().to_vec();
    if after >= prefix {
        first = [after.as_bytes(), &[0]].concat();
    }
    (first, [prefix.as_bytes(), &[0xff]].concat())
}
