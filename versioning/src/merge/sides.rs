//! The walk over what two sides of a merge changed.

use bytes::Bytes;

use crate::tree::{Change, Diff};
use crate::view::View;
use crate::{KeyRange, Result, Space, Value};

/// The three versions of a merge. None has uncommitted operations.
#[derive(Debug, Clone)]
pub struct Sides {
    pub base: View,
    pub ours: View,
    pub theirs: View,
}

/// A key that at least one side changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change3 {
    pub key: Bytes,
    pub base: Option<Value>,
    pub ours: Option<Value>,
    pub theirs: Option<Value>,
}

impl Change3 {
    /// Returns whether our side differs from the base.
    pub fn ours_changed(&self) -> bool {
        self.ours != self.base
    }

    /// Returns whether their side differs from the base.
    pub fn theirs_changed(&self) -> bool {
        self.theirs != self.base
    }
}

impl Sides {
    /// Returns the keys of `range` that ours or theirs changed, in order; its cost follows their number.
    pub fn changes(&self, space: Space, range: &KeyRange) -> Changes {
        let base = self.base.tree(space);
        Changes {
            ours: Side {
                diff: base.diff(&self.ours.tree(space), range),
                next: None,
                ended: false,
            },
            theirs: Side {
                diff: base.diff(&self.theirs.tree(space), range),
                next: None,
                ended: false,
            },
        }
    }
}

/// A walk over the changes of two sides.
#[derive(Debug)]
pub struct Changes {
    ours: Side,
    theirs: Side,
}

/// The changes of one side, with the next one at hand.
#[derive(Debug)]
struct Side {
    diff: Diff,
    next: Option<Change>,
    ended: bool,
}

impl Side {
    async fn peek(&mut self) -> Result<Option<&Bytes>> {
        if self.next.is_none() && !self.ended {
            self.next = self.diff.next().await?;
            self.ended = self.next.is_none();
        }
        Ok(self.next.as_ref().map(|change| &change.key))
    }
}

impl Changes {
    /// Returns the next key that a side changed.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Storage`].
    pub async fn next(&mut self) -> Result<Option<Change3>> {
        let (take_ours, take_theirs) = match (self.ours.peek().await?, self.theirs.peek().await?) {
            (None, None) => return Ok(None),
            (Some(_), None) => (true, false),
            (None, Some(_)) => (false, true),
            (Some(ours), Some(theirs)) => (ours <= theirs, theirs <= ours),
        };
        let ours = if take_ours { self.ours.next.take() } else { None };
        let theirs = if take_theirs {
            self.theirs.next.take()
        } else {
            None
        };
        Ok(match (ours, theirs) {
            (Some(ours), Some(theirs)) => Some(Change3 {
                key: ours.key,
                base: ours.before,
                ours: ours.after,
                theirs: theirs.after,
            }),
            (Some(ours), None) => Some(Change3 {
                key: ours.key,
                theirs: ours.before.clone(),
                base: ours.before,
                ours: ours.after,
            }),
            (None, Some(theirs)) => Some(Change3 {
                key: theirs.key,
                ours: theirs.before.clone(),
                base: theirs.before,
                theirs: theirs.after,
            }),
            (None, None) => None,
        })
    }
}
