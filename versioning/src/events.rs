//! What is told of a branch: events in the order of their effect, numbered from 1 without gaps.
//!
//! Upper rooms say what an event is; here it is bytes with a number. An event takes effect together with the
//! change that it tells of ([`crate::Batch::events`]), so that each change is told exactly once. Old events are
//! forgotten by number and age, in the background.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use async_trait::async_trait;
use bytes::Bytes;

use crate::codec::{DecodeError, Reader, put_varint};
use crate::core::Core;
use crate::refs::{Cas, EventRecord};
use crate::zip::compress;
use crate::{Batch, Error, RefName, Repository, RepositoryName, Result, View};

const PLAIN: u8 = 1;
const COMPRESSED: u8 = 2;
/// Shorter events are not worth compressing.
const COMPRESSED_BYTES_MIN: usize = 512;
/// The longest event.
const EVENT_BYTES_MAX: usize = 1 << 30;
/// After how many events old ones are looked for.
const FORGET_EVERY: u64 = 512;
/// How many events are looked at for their age at once: more than come between two such looks.
const FORGET_PAGE: usize = 4 * FORGET_EVERY as usize;

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
    ) -> Result<Vec<Bytes>>;
}

impl Batch {
    /// Adds an event that tells of the changes.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn tell(&mut self, event: &Bytes) -> Result<()> {
        self.events.push(pack(event)?);
        Ok(())
    }
}

impl Repository {
    /// Returns up to `limit` events of a branch with numbers behind `after`, in order.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Storage`], [`Error::Corrupt`].
    pub async fn events(&self, branch: &RefName, after: u64, limit: usize) -> Result<Vec<EventRecord>> {
        let incarnation = self.branch(branch).await?.incarnation;
        let core = self.inner_core();
        let stored = core.refs.events_after(core.id, incarnation, after, limit).await?;
        stored.iter().map(unpacked).collect()
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
    pub async fn tell(&self, branch: &RefName, events: &[Bytes]) -> Result<()> {
        let incarnation = self.branch(branch).await?.incarnation;
        let core = self.inner_core();
        let (events, now) = (pack_all(events)?, core.clock.now_us());
        let told = core.refs.add_events(core.id, branch, incarnation, now, &events);
        match told.await? {
            Cas::Done => {
                core.events_told(incarnation, events.len());
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
    pub(crate) fn events_told(self: &Arc<Core>, incarnation: [u8; 16], events: usize) {
        if events == 0 {
            return;
        }
        let (before, more) = (self.events_counted.load(Relaxed), events as u64);
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
    ) -> Result<Vec<Bytes>> {
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
        let oldest = self
            .refs
            .events_after(self.id, incarnation, too_many, FORGET_PAGE)
            .await?;
        let now_us = self.clock.now_us();
        let too_old = too_old(
            &oldest,
            now_us.saturating_sub(retention.age_ms_max.saturating_mul(1_000)),
        );
        match too_old.unwrap_or_default().max(too_many) {
            0 => Ok(()),
            up_to => self.refs.forget_events(self.id, incarnation, up_to).await,
        }
    }
}

/// Returns the number of the last of the leading events that are from before `limit_us`.
fn too_old(events: &[EventRecord], limit_us: u64) -> Option<u64> {
    let old = events.iter().take_while(|event| event.time_us < limit_us);
    old.last().map(|event| event.number)
}

/// Takes the events out of batches.
pub(crate) fn take(batches: &mut [Batch]) -> Vec<Bytes> {
    let told = batches
        .iter_mut()
        .flat_map(|batch| std::mem::take(&mut batch.events));
    told.collect()
}

/// Returns events as they are stored.
///
/// # Errors
/// [`Error::TooLarge`].
fn pack_all(events: &[Bytes]) -> Result<Vec<Bytes>> {
    events.iter().map(pack).collect()
}

fn pack(event: &Bytes) -> Result<Bytes> {
    if event.len() > EVENT_BYTES_MAX {
        return Err(Error::TooLarge {
            what: "an event",
            limit: EVENT_BYTES_MAX as u64,
        });
    }
    let mut out = Vec::new();
    if event.len() < COMPRESSED_BYTES_MIN {
        out.push(PLAIN);
        out.extend_from_slice(event);
    } else {
        out.push(COMPRESSED);
        put_varint(&mut out, event.len() as u64);
        let packed = compress(event).map_err(|error| Error::Internal(error.to_string()))?;
        out.extend_from_slice(&packed);
    }
    Ok(Bytes::from(out))
}

fn unpacked(event: &EventRecord) -> Result<EventRecord> {
    let payload = unpack(&event.payload).map_err(|message| Error::Corrupt {
        what: "event",
        key: event.number.to_string(),
        message,
    })?;
    Ok(EventRecord {
        payload,
        ..event.clone()
    })
}

fn unpack(stored: &Bytes) -> Result<Bytes, String> {
    let text = |error: DecodeError| error.to_string();
    let mut reader = Reader::new(stored);
    match reader.byte().map_err(text)? {
        PLAIN => Ok(stored.slice(1..)),
        COMPRESSED => {
            let len = reader.length().map_err(text)?;
            if len > EVENT_BYTES_MAX {
                return Err("claims to be too long".into());
            }
            let raw = zstd::bulk::decompress(reader.rest(), len).map_err(|error| error.to_string())?;
            Ok(Bytes::from(raw))
        }
        _ => Err("has an unknown version".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_back_as_they_went_in() {
        for len in [0, 1, 511, 512, 100_000] {
            let event = Bytes::from(vec![b'x'; len]);
            assert_eq!(unpack(&pack(&event).unwrap()).unwrap(), event);
        }
        for bad in [&[][..], &[9], &[COMPRESSED], &[COMPRESSED, 5, 1, 2, 3]] {
            assert!(unpack(&Bytes::from_static(bad)).is_err(), "{bad:?}");
        }
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
