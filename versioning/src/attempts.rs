//! Attempts: merges that are on their way, or wait for a person, as stored records.
//!
//! An attempt is recorded when there is a candidate or a conflict, and holds both for whoever collects what nothing
//! refers to. While it is judged it has a *lease*, which the server renews that works on it. One whose lease ran out
//! was left behind by a server that died: whoever looks next settles it. Each run of an attempt has a number, and a
//! run that is not the attempt's last one any more changes nothing, and lands nothing.

mod conflicts;
mod keeper;
mod record;

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

pub use self::conflicts::ConflictRecord;
pub(crate) use self::conflicts::meant;
pub(crate) use self::keeper::Keeper;
use crate::codec::DecodeError;
use crate::commit::CommitKind;
use crate::id::Domain;
use crate::merge::{Policy, Refusal, Warnings};
use crate::state::Stateful;
use crate::{CommitId, Error, Hash, Ids, RefName, Result};

/// How long a server may be silent about an attempt that it works on.
const LEASE_US: u64 = 60_000_000;
/// How many attempts are kept that have ended, and for how long.
const ENDED_MAX: usize = 500;
const ENDED_US: u64 = 7 * 86_400 * 1_000_000;
/// How many attempts are kept that wait for a person, and for how long.
const WAITING_MAX: usize = 1_000;
const WAITING_US: u64 = 30 * 86_400 * 1_000_000;

/// Names an attempt: 12 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(String);

impl AttemptId {
    const DIGITS: usize = 12;

    /// Returns an id that no other attempt has.
    pub fn fresh(ids: &dyn Ids) -> AttemptId {
        let mut text = Hash::of(Domain::Blob, &ids.fresh()).to_string();
        text.truncate(AttemptId::DIGITS);
        AttemptId(text)
    }

    /// Returns the id that a text spells.
    ///
    /// # Errors
    /// [`Error::Name`].
    pub fn parse(text: &str) -> Result<AttemptId> {
        if text.len() == AttemptId::DIGITS && crate::id::is_lower_hex(text) {
            return Ok(AttemptId(text.to_owned()));
        }
        Err(Error::Name {
            what: "merge",
            name: text.to_owned(),
            rule: "12 hexadecimal digits",
        })
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttemptState {
    /// A server works on it.
    Judging,
    /// Its conflicts wait for decisions.
    Conflicts,
    /// Checks refused the candidate.
    Refused,
    /// The branch has it.
    Landed,
    /// Something hindered it, which is told.
    Failed,
    /// Somebody gave it up.
    Abandoned,
    /// Its checks passed, and the head is moved just now.
    Landing,
}

impl AttemptState {
    /// All states, in order.
    pub const ALL: [AttemptState; 7] = [
        AttemptState::Judging,
        AttemptState::Conflicts,
        AttemptState::Refused,
        AttemptState::Landed,
        AttemptState::Failed,
        AttemptState::Abandoned,
        AttemptState::Landing,
    ];

    /// Returns the name by which programs know the state.
    pub fn name(self) -> &'static str {
        match self {
            AttemptState::Judging => "judging",
            AttemptState::Conflicts => "conflicts",
            AttemptState::Refused => "refused",
            AttemptState::Landed => "landed",
            AttemptState::Failed => "failed",
            AttemptState::Abandoned => "abandoned",
            AttemptState::Landing => "landing",
        }
    }

    /// Returns whether it can be run again.
    pub fn is_resumable(self) -> bool {
        matches!(
            self,
            AttemptState::Conflicts | AttemptState::Refused | AttemptState::Failed
        )
    }

    /// Returns whether a server works on it.
    pub(crate) fn is_on_its_way(self) -> bool {
        matches!(self, AttemptState::Judging | AttemptState::Landing)
    }

    /// Returns whether it waits for a person.
    fn is_waiting(self) -> bool {
        matches!(self, AttemptState::Conflicts | AttemptState::Refused)
    }
}

impl fmt::Display for AttemptState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What was decided about one conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Bytes of an upper room.
    pub choice: Bytes,
    /// The hash of the conflict's record when it was decided: of another one it says nothing.
    pub about: Hash,
}

/// A merge, revert or cherry-pick that is on its way, waits for a person, or has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub id: AttemptId,
    /// What the commit is to be; `Normal` is a squash.
    pub kind: CommitKind,
    pub into: RefName,
    /// What is merged, reverted or picked, as the caller named it.
    pub source: String,
    pub theirs: CommitId,
    /// The commit from which the change counts, where that is not the best common ancestor.
    pub from: Option<CommitId>,
    pub author: String,
    pub message: String,
    pub metadata: BTreeMap<String, String>,
    pub policy: Option<Policy>,
    /// What the caller wished of the resolver: bytes of an upper room.
    pub options: Bytes,
    /// What was decided so far, by the ids of conflicts.
    pub decisions: BTreeMap<String, Decision>,
    pub state: AttemptState,
    /// The base and the head with which it was merged last.
    pub base: CommitId,
    pub ours: CommitId,
    /// What is judged, was refused, or has landed.
    pub candidate: Option<CommitId>,
    /// How many conflicts it had when it was merged last, and under which number they are stored.
    pub conflicts: u64,
    pub round: u64,
    pub refusals: Vec<Refusal>,
    /// Why it failed.
    pub failure: Option<String>,
    /// What of the merged state is to be looked at, as it was merged last.
    pub warnings: Warnings,
    pub created_us: u64,
    pub updated_us: u64,
    /// Until when the server that works on it may be silent.
    pub lease_us: u64,
    /// Counts how often it was begun.
    pub run: u64,
}

impl Attempt {
    /// Returns the commits that have to be kept for it.
    pub fn pins(&self) -> impl Iterator<Item = CommitId> {
        let sides = [self.theirs, self.base, self.ours];
        sides.into_iter().chain(self.from).chain(self.candidate)
    }

    /// Returns whether it is on its way, or waits for a person and is kept for that.
    pub(crate) fn is_open(&self, now_us: u64) -> bool {
        let is_kept = || self.updated_us.saturating_add(WAITING_US) >= now_us;
        self.state.is_on_its_way() || self.state.is_waiting() && is_kept()
    }

    fn is_left_behind(&self, now_us: u64) -> bool {
        self.state.is_on_its_way() && self.lease_us < now_us
    }
}

/// All attempts of a repository.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempts {
    by_id: BTreeMap<String, Attempt>,
}

impl Stateful for Attempts {
    const NAMESPACE: &'static str = "merges";

    fn apply(&mut self, key: &str, value: Option<&Bytes>) -> Result<(), DecodeError> {
        match value {
            Some(bytes) => drop(self.by_id.insert(key.to_owned(), record::decode(key, bytes)?)),
            None => drop(self.by_id.remove(key)),
        }
        Ok(())
    }
}

impl Attempts {
    fn get(&self, id: &AttemptId) -> Result<&Attempt> {
        self.by_id.get(&id.0).ok_or_else(|| Error::NotFound {
            what: "merge",
            name: id.to_string(),
        })
    }

    /// Returns the attempts that are not kept any longer: the oldest beyond a number, and those beyond an age.
    fn worn_out(&self, now_us: u64) -> Vec<AttemptId> {
        let mut newest: Vec<&Attempt> = self.by_id.values().collect();
        newest.sort_by_key(|attempt| std::cmp::Reverse(attempt.updated_us));
        let (mut waiting, mut ended) = (0, 0);
        let mut worn_out = Vec::new();
        for attempt in newest {
            if attempt.state.is_on_its_way() {
                continue;
            }
            let (count, max, age_us) = match attempt.state.is_waiting() {
                true => (&mut waiting, WAITING_MAX, WAITING_US),
                false => (&mut ended, ENDED_MAX, ENDED_US),
            };
            *count += 1;
            if *count > max || attempt.updated_us.saturating_add(age_us) < now_us {
                worn_out.push(attempt.id.clone());
            }
        }
        worn_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(states: impl IntoIterator<Item = (AttemptState, u64)>) -> Attempts {
        let one = |(n, (state, updated_us)): (usize, (AttemptState, u64))| {
            let attempt = Attempt {
                id: AttemptId(format!("{n:012x}")),
                state,
                updated_us,
                ..record::tests::attempt()
            };
            (attempt.id.0.clone(), attempt)
        };
        Attempts {
            by_id: states.into_iter().enumerate().map(one).collect(),
        }
    }

    #[test]
    fn a_bounded_number_is_kept_for_a_bounded_time() {
        let many = (0..ENDED_MAX as u64 + 2).map(|n| (AttemptState::Landed, n));
        let worn_out = attempts(many).worn_out(0);
        assert_eq!(worn_out.len(), 2);
        assert_eq!(worn_out[0].to_string(), "000000000001", "the oldest go");
        let all = AttemptState::ALL.map(|state| (state, 0));
        let left = |now_us| AttemptState::ALL.len() - attempts(all).worn_out(now_us).len();
        assert_eq!(left(ENDED_US), AttemptState::ALL.len());
        assert_eq!(left(ENDED_US + 1), 4, "what waits for a person is kept longer");
        assert_eq!(left(WAITING_US + 1), 2, "what is judged or lands has a lease");
    }

    #[test]
    fn what_is_on_its_way_or_waits_is_open() {
        let all = AttemptState::ALL.map(|state| (state, 0));
        let open = |now_us| {
            let known = attempts(all);
            let open = known.by_id.values().filter(|attempt| attempt.is_open(now_us));
            open.map(|attempt| attempt.state).collect::<Vec<_>>()
        };
        let (judging, landing) = (AttemptState::Judging, AttemptState::Landing);
        let waiting = [AttemptState::Conflicts, AttemptState::Refused];
        assert_eq!(open(WAITING_US), [judging, waiting[0], waiting[1], landing]);
        assert_eq!(open(WAITING_US + 1), [judging, landing]);
    }

    #[test]
    fn ids_are_parsed() {
        assert!(AttemptId::parse("0123456789ab").is_ok());
        for bad in ["", "0123456789a", "0123456789AB", "0123456789abc"] {
            assert!(AttemptId::parse(bad).is_err(), "{bad}");
        }
    }
}
