//! What is told of a branch: events in the order of their effect, numbered from 1 without gaps.
//!
//! Upper rooms say what an event is; here it is bytes with a number. An event takes effect together with the
//! change that it tells of ([`crate::Batch::events`]), so that each change is told exactly once. Old events are
//! forgotten by number and age, in the background.
//!
//! Events in a row that say much alike are told as a run: as many numbers, and bytes that an upper room takes apart.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use async_trait::async_trait;
use bytes::Bytes;

use crate::codec::{DecodeError, Reader, put_varint};
use crate::core::Core;
use crate::refs::{Cas, EventRecord, EventRun};
use crate::zip::compress;
use crate::{Batch, Error, RefName, Repository, RepositoryName, Result, View};

const PLAIN: u8 = 1;
const COMPRESSED: u8 = 2;
/// The number of events follows, and then their bytes as those of one.
const SEVERAL: u8 = 3;
/// Shorter events are not worth compressing.
const COMPRESSED_BYTES_MIN: usize = 512;
/// The longest event.
const EVENT_BYTES_MAX: usize = 1 << 30;
/// After how many events old ones are looked for.
const FORGET_EVERY: u64 = 512;
/// How many runs of events are looked at for their age each time: more than come between two such looks.
const FORGET_MAX: usize = 4 * FORGET_EVERY as usize;
/// How many of these are in memory at once.
const FORGET_PAGE: usize = 64;
/// Behind how many unpacked bytes a page of events ends.
const PAGE_BYTES_MAX: usize = 16 << 20;

/// A run of events that was told of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldRun {
    /// The number of its first event; the first event of a branch has the number 1, and each next one the next.
    pub first: u64,
    /// How many events it has, at least 1.
    pub count: u32,
    pub time_us: u64,
    /// Bytes of an upper room.
    pub payload: Bytes,
}

impl ToldRun {
    /// Returns the number of its last event.
    pub fn last(&self) -> u64 {
        self.first + u64::from(self.count) - 1
    }
}

/// How many events a branch keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub events_max: u64,
    pub age_ms_max: u64,
}

impl Default for Retention {
    /// Returns a million events of seven days: as long as the original keeps them.
    fn default() -> Retention {
        Retention {
            events_max: 1_000_000,
            age_ms_max: 7 * 24 * 3_600_000,
        }
    }
}

/// Tells how what a branch shows changes when its head moves otherwise than by its own operations: by a merge,
/// a revert, a cherry-pick or a reset.
#[async_trait]
pub trait Narrate: Debug + Send + Sync {
    /// Returns the events that lead from one state to the other. Both are settled.
    ///
    /// # Errors
    /// Those of reading; the head does not move then.
    async fn moved(
        &self,
        repository: &RepositoryName,
        branch: &RefName,
        before: &View,
        after: &View,
    ) -> Result<Vec<EventRun>>;
}

impl Batch {
    /// Adds events that tell of the changes.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn tell(&mut self, run: &EventRun) -> Result<()> {
        self.events.push(pack(run)?);
        Ok(())
    }
}

impl Repository {
    /// Returns up to `limit` runs of events of a branch, in order, of which each has events with numbers behind `after`;
    /// the first may have some before that, too. There are fewer of large ones, and none only if there are no more.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Storage`], [`Error::Corrupt`].
    pub async fn events(&self, branch: &RefName, after: u64, limit: usize) -> Result<Vec<ToldRun>> {
        let incarnation = self.branch(branch).await?.incarnation;
        let core = self.inner_core();
        let stored = core.refs.events_after(core.id, incarnation, after, limit).await?;
        let (mut page, mut bytes) = (Vec::new(), 0);
        for record in &stored {
            let run = unpacked(record)?;
            bytes += run.payload.len();
            page.push(run);
            if bytes >= PAGE_BYTES_MAX {
                break;
            }
        }
        Ok(page)
    }

    /// Returns the number of the last event of a branch; 0 if there was none.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Storage`].
    pub async fn last_event(&self, branch: &RefName) -> Result<u64> {
        let incarnation = self.branch(branch).await?.incarnation;
        let core = self.inner_core();
        core.refs.last_event(core.id, incarnation).await
    }

    /// Tells of a branch what was done by other ways than [`Repository::write`].
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Storage`], [`Error::NoSpace`], [`Error::TooLarge`].
    pub async fn tell(&self, branch: &RefName, events: &[EventRun]) -> Result<()> {
        let incarnation = self.branch(branch).await?.incarnation;
        let core = self.inner_core();
        let (events, now) = (pack_all(events)?, core.clock.now_us());
        let told = core.refs.add_events(core.id, branch, incarnation, now, &events);
        match told.await? {
            Cas::Done => {
                core.events_told(incarnation, &events);
                Ok(())
            }
            Cas::Lost(_) => Err(Error::NotFound {
                what: "branch",
                name: branch.to_string(),
            }),
        }
    }
}

impl Core {
    /// Counts events that took effect; now and then, has old ones of the branch forgotten.
    pub(crate) fn events_told(self: &Arc<Core>, incarnation: [u8; 16], events: &[EventRun]) {
        if events.is_empty() {
            return;
        }
        let (before, more) = (self.events_counted.load(Relaxed), EventRun::count_all(events));
        self.events_counted.fetch_add(more, Relaxed);
        if before.is_multiple_of(FORGET_EVERY) || before / FORGET_EVERY != (before + more) / FORGET_EVERY {
            let core = Arc::clone(self);
            self.tasks.spawn(async move {
                if let Err(error) = core.forget_events(incarnation).await {
                    tracing::warn!(%error, "could not forget old events, trying again later");
                }
            });
        }
    }

    /// Returns what is to be told of a move of the head, as it is stored.
    pub(crate) async fn events_of_move(
        &self,
        branch: &RefName,
        before: &View,
        after: &View,
    ) -> Result<Vec<EventRun>> {
        match &self.narrator {
            Some(narrator) => pack_all(&narrator.moved(&self.name, branch, before, after).await?),
            None => Ok(Vec::new()),
        }
    }

    /// Forgets the events that are too many or too old.
    async fn forget_events(&self, incarnation: [u8; 16]) -> Result<()> {
        let retention = self.limits.events;
        let last = self.refs.last_event(self.id, incarnation).await?;
        let too_many = last.saturating_sub(retention.events_max);
        let age_us_max = retention.age_ms_max.saturating_mul(1_000);
        let limit_us = self.clock.now_us().saturating_sub(age_us_max);
        match self.old_events(incarnation, too_many, limit_us).await? {
            0 => Ok(()),
            up_to => self.refs.forget_events(self.id, incarnation, up_to).await,
        }
    }

    /// Returns up to which number events go: those up to `too_many`, and those behind it that are from before `limit_us`.
    async fn old_events(&self, incarnation: [u8; 16], too_many: u64, limit_us: u64) -> Result<u64> {
        let mut up_to = too_many;
        for _ in 0..FORGET_MAX / FORGET_PAGE {
            let page = self.refs.events_after(self.id, incarnation, up_to, FORGET_PAGE);
            let page = page.await?;
            let Some(old) = too_old(&page, limit_us) else {
                break;
            };
            up_to = old;
            if page.last().is_none_or(|last| last.number > old) {
                break;
            }
        }
        Ok(up_to)
    }
}

/// Returns the number of the last of the leading events that are from before `limit_us`.
fn too_old(events: &[EventRecord], limit_us: u64) -> Option<u64> {
    let old = events.iter().take_while(|event| event.time_us < limit_us);
    old.last().map(|event| event.number)
}

/// Takes the events out of batches.
pub(crate) fn take(batches: &mut [Batch]) -> Vec<EventRun> {
    let told = batches
        .iter_mut()
        .flat_map(|batch| std::mem::take(&mut batch.events));
    told.collect()
}

/// Returns events as they are stored.
///
/// # Errors
/// [`Error::TooLarge`].
fn pack_all(runs: &[EventRun]) -> Result<Vec<EventRun>> {
    runs.iter().map(pack).collect()
}

fn pack(run: &EventRun) -> Result<EventRun> {
    let (count, event) = (run.count, &run.payload);
    if event.len() > EVENT_BYTES_MAX {
        return Err(Error::TooLarge {
            what: "an event",
            limit: EVENT_BYTES_MAX as u64,
        });
    }
    let mut out = Vec::new();
    if count != 1 {
        out.push(SEVERAL);
        put_varint(&mut out, u64::from(count));
    }
    if event.len() < COMPRESSED_BYTES_MIN {
        out.push(PLAIN);
        out.extend_from_slice(event);
    } else {
        out.push(COMPRESSED);
        put_varint(&mut out, event.len() as u64);
        let packed = compress(event).map_err(|error| Error::Internal(error.to_string()))?;
        out.extend_from_slice(&packed);
    }
    let payload = Bytes::from(out);
    Ok(EventRun { count, payload })
}

fn unpacked(record: &EventRecord) -> Result<ToldRun> {
    let run = unpack(&record.payload).and_then(|run| {
        let before = record.number.checked_sub(u64::from(run.count));
        let first = before.ok_or("has more events than there are numbers")? + 1;
        Ok((first, run))
    });
    let (first, EventRun { count, payload }) = run.map_err(|message| Error::Corrupt {
        what: "event",
        key: record.number.to_string(),
        message,
    })?;
    Ok(ToldRun {
        first,
        count,
        time_us: record.time_us,
        payload,
    })
}

fn unpack(stored: &Bytes) -> Result<EventRun, String> {
    let text = |error: DecodeError| error.to_string();
    let mut reader = Reader::new(stored);
    let (mut kind, mut count) = (reader.byte().map_err(text)?, 1);
    if kind == SEVERAL {
        let several = reader.varint().map_err(text)?;
        count = u32::try_from(several).map_err(|_| "claims to be too many")?;
        kind = reader.byte().map_err(text)?;
    }
    if count == 0 {
        return Err("is a run of none".into());
    }
    let payload = match kind {
        PLAIN => stored.slice_ref(reader.rest()),
        COMPRESSED => {
            let len = reader.length().map_err(text)?;
            if len > EVENT_BYTES_MAX {
                return Err("claims to be too long".into());
            }
            let raw = zstd::bulk::decompress(reader.rest(), len).map_err(|error| error.to_string())?;
            Bytes::from(raw)
        }
        _ => return Err("has an unknown version".into()),
    };
    Ok(EventRun { count, payload })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_back_as_they_went_in() {
        for (len, count) in [(0, 1), (1, 2), (511, 1), (512, 300), (100_000, u32::MAX)] {
            let payload = Bytes::from(vec![b'x'; len]);
            let run = EventRun { count, payload };
            assert_eq!(unpack(&pack(&run).unwrap().payload).unwrap(), run);
        }
        let bad: [&[u8]; 7] = [
            &[],
            &[9],
            &[COMPRESSED],
            &[COMPRESSED, 5, 1, 2, 3],
            &[SEVERAL, 2],
            &[SEVERAL, 0, PLAIN],
            &[SEVERAL, 2, SEVERAL, 2, PLAIN],
        ];
        for bad in bad {
            assert!(unpack(&Bytes::from_static(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_run_is_numbered_up_to_its_record() {
        let run = |count| EventRun {
            count,
            payload: Bytes::from_static(b"x"),
        };
        let stored = |number, count| EventRecord {
            number,
            time_us: 5,
            payload: pack(&run(count)).unwrap().payload,
        };
        let told = unpacked(&stored(7, 3)).unwrap();
        assert_eq!((told.first, told.count, told.last()), (5, 3, 7));
        assert!(unpacked(&stored(2, 3)).is_err(), "there is no event 0");
    }

    #[test]
    fn only_leading_events_age() {
        let event = |number, time_us| EventRecord {
            number,
            time_us,
            payload: Bytes::new(),
        };
        let events = [event(4, 10), event(5, 20), event(6, 15)];
        assert_eq!(too_old(&events, 10), None);
        assert_eq!(too_old(&events, 16), Some(4));
        assert_eq!(too_old(&events, 99), Some(6));
    }
}
