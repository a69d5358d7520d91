//! Walking over a range of entries, in order.

use super::Tree;
use super::entry::Entry;
use super::path::Path;
use crate::{KeyRange, Result};

/// A walk over the entries of a range.
#[derive(Debug)]
pub struct Cursor {
    /// `None` once the walk is over.
    path: Option<Path>,
    range: KeyRange,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was read yet.
    Fresh,
    /// The entry of the place was handed out.
    Read,
    /// The entry of the place comes next.
    Ready,
}

impl Cursor {
    pub(super) fn new(tree: &Tree, range: KeyRange) -> Cursor {
        Cursor {
            path: tree.path(0),
            range,
            state: State::Fresh,
        }
    }

    /// Returns the next entry of the range.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`], [`crate::Error::Storage`].
    pub async fn next(&mut self) -> Result<Option<Entry<'_>>> {
        let here = self.stand().await?;
        self.state = State::Read;
        Ok(if here { self.here() } else { None })
    }

    /// Returns what [`Cursor::next`] would return, which still returns it then.
    ///
    /// # Errors
    /// As [`Cursor::next`].
    pub async fn peek(&mut self) -> Result<Option<Entry<'_>>> {
        Ok(if self.stand().await? { self.here() } else { None })
    }

    /// Ends the walk.
    pub fn end(&mut self) {
        self.path = None;
    }

    /// Moves onto the next entry; `false` if there is none in the tree.
    async fn stand(&mut self) -> Result<bool> {
        let here = match self.state {
            State::Ready => self.path.is_some(),
            State::Fresh => self.start().await?,
            State::Read => self.step().await?,
        };
        self.state = State::Ready;
        Ok(here)
    }

    /// Moves forward, so that the next entry is the first of the range at `key` or behind it. What lies
    /// between is not read. Does nothing if the walk is there already.
    ///
    /// # Errors
    /// As [`Cursor::next`].
    pub async fn seek(&mut self, key: &[u8]) -> Result<()> {
        if self.state == State::Fresh && !self.start().await? {
            return Ok(());
        }
        let Some(path) = &mut self.path else { return Ok(()) };
        if self.state == State::Read {
            path.pass();
        }
        self.state = State::Ready;
        if !path.seek(key).await? {
            self.path = None;
        }
        Ok(())
    }

    async fn start(&mut self) -> Result<bool> {
        let Some(path) = &mut self.path else {
            return Ok(false);
        };
        let from = match &self.range.start {
            std::ops::Bound::Unbounded => &[][..],
            std::ops::Bound::Included(key) | std::ops::Bound::Excluded(key) => key,
        };
        self.state = State::Ready;
        if !path.seek(from).await? {
            self.path = None;
            return Ok(false);
        }
        // an excluded start is the one key that is there and not in the range
        if path
            .place()
            .is_some_and(|(node, index)| !self.range.starts_by(node.key(index)))
        {
            return self.step().await;
        }
        Ok(true)
    }

    async fn step(&mut self) -> Result<bool> {
        let Some(path) = &mut self.path else {
            return Ok(false);
        };
        path.pass();
        if path.is_passed() && !path.next_node().await? {
            self.path = None;
            return Ok(false);
        }
        Ok(true)
    }

    fn here(&mut self) -> Option<Entry<'_>> {
        let (node, index) = self.path.as_ref()?.place()?;
        if !self.range.ends_after(node.key(index)) {
            self.path = None;
            return None;
        }
        let (node, index) = self.path.as_ref()?.place()?;
        node.entry(index)
    }
}
