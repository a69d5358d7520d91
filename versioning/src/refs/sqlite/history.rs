//! The commit index: parents as they are asked for from both ends, and shortcuts along first parents.
//!
//! Each commit of a line of first parents has one *jump* to another further back, by the rule of skew-binary lists
//! (Myers, "An applicative random-access stack", 1983): it doubles the jump of the parent where that and the one before
//! are of one length, and is the parent itself otherwise. So any commit of the line is some 2·log2 steps away, though
//! each knows two others only.

use super::database::Write;
use super::rows::{self, sql};
use super::writes::{bytes, query};
use crate::refs::{CommitEntry, RepositoryId, record, rules, sql as text};
use crate::{CommitId, Result};

impl Write<'_> {
    pub(super) async fn index(&mut self, id: RepositoryId, entries: &[CommitEntry]) -> Result<()> {
        for entry in entries {
            let insert = query(text::INDEX_COMMIT, id)
                .bind(bytes(&entry.id))
                .bind(i64::from(entry.epoch))
                .bind(sql(entry.generation)?)
                .bind(record::encode_ids(&entry.parents));
            self.run(insert).await?;
            self.place(id, entry).await?;
        }
        Ok(())
    }

    /// Records what leads to a commit, unless it is recorded already.
    async fn place(&mut self, id: RepositoryId, entry: &CommitEntry) -> Result<()> {
        for parent in &entry.parents {
            self.check_indexed(id, *parent).await?;
            let child = query(text::INDEX_CHILD, id)
                .bind(bytes(parent))
                .bind(bytes(&entry.id));
            self.run(child).await?;
        }
        let line = match entry.parents.first() {
            Some(parent) => query(text::CONTINUE_LINE, id)
                .bind(bytes(&entry.id))
                .bind(sql(entry.generation)?)
                .bind(bytes(parent)),
            None => query(text::BEGIN_LINE, id)
                .bind(bytes(&entry.id))
                .bind(sql(entry.generation)?),
        };
        self.run(line).await.map(drop)
    }

    async fn check_indexed(&mut self, id: RepositoryId, parent: CommitId) -> Result<()> {
        let found = self
            .exists(query(text::HAS_LINE, id).bind(bytes(&parent)))
            .await?;
        rules::demand(found, rules::PARENTS_FIRST)
    }

    /// Places the commits that were indexed before there was more than the index.
    pub(super) async fn place_all(&mut self) -> Result<()> {
        let failed = self.failed();
        let repositories: Vec<(Vec<u8>,)> = sqlx::query_as(text::INDEXED_REPOSITORIES)
            .fetch_all(&mut self.connection)
            .await
            .map_err(&failed)?;
        for (repository,) in repositories {
            let id = rows::repository_id(&repository)?;
            let commits = sqlx::query_as(text::COMMITS_IN_ORDER)
                .bind(id.0.to_vec())
                .fetch_all(&mut self.connection)
                .await
                .map_err(&failed)?;
            for row in commits {
                self.place(id, &rows::commit(row)?).await?;
            }
        }
        Ok(())
    }
}
