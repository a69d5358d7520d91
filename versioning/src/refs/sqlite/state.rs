//! Writes of what is not versioned: swaps of small records, and events.

use bytes::Bytes;
use sqlx::QueryBuilder;

use super::database::Write;
use super::rows::sql;
use super::writes::query;
use crate::refs::{Cas, EventRun, LogRecord, RepositoryId, sql as text};
use crate::{RefName, Result};

/// How many events one statement inserts: each statement is a message to SQLite's thread and back.
const EVENTS_AT_ONCE: usize = 200;

impl Write<'_> {
    /// Writes small records of one namespace, in order.
    pub(super) async fn small(
        &mut self,
        id: RepositoryId,
        namespace: &str,
        changes: &[(String, Option<Bytes>)],
    ) -> Result<()> {
        for (key, value) in changes {
            let text = match value {
                Some(_) => text::SET_SMALL,
                None => text::DELETE_SMALL,
            };
            let mut change = query(text, id)
                .bind(namespace.to_owned())
                .bind(key.as_bytes().to_vec());
            if let Some(value) = value {
                change = change.bind(value.to_vec());
            }
            self.run(change).await?;
        }
        Ok(())
    }

    pub(super) async fn swap_small(
        &mut self,
        id: RepositoryId,
        namespace: &str,
        version: u64,
        changes: &[(String, Option<Bytes>)],
    ) -> Result<bool> {
        self.run(query(text::BEGIN_VERSIONS, id).bind(namespace.to_owned()))
            .await?;
        let next = query(text::NEXT_VERSION, id)
            .bind(namespace.to_owned())
            .bind(sql(version)?);
        if self.run(next).await? == 0 {
            return Ok(false);
        }
        self.small(id, namespace, changes).await?;
        Ok(true)
    }

    pub(super) async fn add_events(
        &mut self,
        id: RepositoryId,
        name: &RefName,
        incarnation: [u8; 16],
        time_us: u64,
        events: &[EventRun],
    ) -> Result<Cas> {
        match self.events(id, name, incarnation, time_us, events).await? {
            true => Ok(Cas::Done),
            false => Ok(Cas::Lost(self.branch(id, name).await?)),
        }
    }

    /// Adds the events of a batch that is appended in the same transaction.
    pub(super) async fn events_of(
        &mut self,
        id: RepositoryId,
        name: &RefName,
        incarnation: [u8; 16],
        record: &LogRecord,
    ) -> Result<()> {
        let (time_us, events) = (record.time_us, &record.events);
        self.events(id, name, incarnation, time_us, events)
            .await
            .map(drop)
    }

    /// Adds events with the numbers behind the last; returns whether the branch is there.
    pub(super) async fn events(
        &mut self,
        id: RepositoryId,
        name: &RefName,
        incarnation: [u8; 16],
        time_us: u64,
        events: &[EventRun],
    ) -> Result<bool> {
        let told = sql(EventRun::count_all(events))?;
        let count = query(text::COUNT_EVENTS, id)
            .bind(name.to_string())
            .bind(incarnation.to_vec())
            .bind(told);
        if self.run(count).await? == 0 {
            return Ok(false);
        }
        let failed = self.failed();
        let last = sqlx::query_scalar(text::LAST_EVENT)
            .bind(id.0.to_vec())
            .bind(incarnation.to_vec());
        let last: i64 = last.fetch_one(&mut self.connection).await.map_err(failed)?;
        let (mut number, time_us) = (last - told, sql(time_us)?);
        for some in events.chunks(EVENTS_AT_ONCE) {
            let mut insert = QueryBuilder::new(text::INSERT_EVENTS);
            insert.push_values(some, |mut row, run| {
                number += i64::from(run.count);
                row.push_bind(id.0.to_vec())
                    .push_bind(incarnation.to_vec())
                    .push_bind(number)
                    .push_bind(time_us)
                    .push_bind(run.payload.to_vec());
            });
            // a full statement comes again, others hardly ever
            let is_usual = some.len() == 1 || some.len() == EVENTS_AT_ONCE;
            let insert = insert.build().persistent(is_usual);
            insert
                .execute(&mut self.connection)
                .await
                .map_err(self.failed())?;
        }
        Ok(true)
    }

    pub(super) async fn forget_events(
        &mut self,
        id: RepositoryId,
        incarnation: [u8; 16],
        up_to: u64,
    ) -> Result<()> {
        let delete = query(text::FORGET_EVENTS, id)
            .bind(incarnation.to_vec())
            .bind(sql(up_to)?);
        self.run(delete).await.map(drop)
    }
}
