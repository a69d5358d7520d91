//! What differs between two trees: both are walked in step, and what they share is skipped unread.
//!
//! A walk stands at an item: an entry, or a whole subtree of which nothing was handed out yet. If the same
//! subtree comes next on both sides, it cancels out, wherever its neighbours lie; so shifted boundaries do
//! no harm.

use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::entry::Entry;
use super::node::Node;
use super::path::open_child;
use super::{Link, Root, Tree};
use crate::store::Blocks;
use crate::{KeyRange, Result, Value};

/// A key whose value differs between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub key: Bytes,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// A walk over the differences of two trees, in order of their keys.
#[derive(Debug)]
pub struct Diff {
    before: Side,
    after: Side,
}

#[derive(Debug)]
struct Side {
    blocks: Arc<Blocks>,
    range: KeyRange,
    /// `None` for the empty tree, and when the walk is over.
    root: Option<Root>,
    /// From the root down; empty if not even the root was opened.
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    node: Arc<Node>,
    /// The first entry that the range leaves.
    start: usize,
    index: usize,
}

impl Diff {
    pub(super) fn new(before: &Tree, after: &Tree, range: &KeyRange) -> Diff {
        Diff {
            before: Side::new(before, range),
            after: Side::new(after, range),
        }
    }

    /// Returns the next difference.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`], [`crate::Error::Storage`].
    pub async fn next(&mut self) -> Result<Option<Change>> {
        loop {
            self.before.trim();
            self.after.trim();
            if self.skip_shared() {
                continue;
            }
            let (before, after) = (&mut self.before, &mut self.after);
            match (before.level(), after.level()) {
                (None, None) => return Ok(None),
                (Some(0), None) => return Ok(before.take().map(removed)),
                (None, Some(0)) => return Ok(after.take().map(added)),
                (Some(0), Some(0)) => {
                    if let Some(change) = self.compare() {
                        return Ok(Some(change));
                    }
                }
                (Some(a), b) if b.is_none_or(|b| a > b) => before.open().await?,
                (a, Some(b)) if a.is_none_or(|a| b > a) => after.open().await?,
                _ => self.open_first().await?,
            }
        }
    }

    /// Skips the largest subtree that comes next on both sides, if there is one.
    fn skip_shared(&mut self) -> bool {
        for a in self.before.whole_from()..=self.before.steps.len() {
            let Some(link) = self.before.subtree(a) else {
                continue;
            };
            for b in self.after.whole_from()..=self.after.steps.len() {
                if self.after.subtree(b) == Some(link) {
                    self.before.skip(a);
                    self.after.skip(b);
                    return true;
                }
            }
        }
        false
    }

    /// Opens that of two subtrees of one level that ends first: the other may come whole later.
    async fn open_first(&mut self) -> Result<()> {
        let order = self.before.key().cmp(&self.after.key());
        if order != Ordering::Greater {
            self.before.open().await?;
        }
        if order != Ordering::Less {
            self.after.open().await?;
        }
        Ok(())
    }

    /// Compares two entries, and passes the one that comes first, or both.
    fn compare(&mut self) -> Option<Change> {
        let (before, after) = (self.before.entry()?, self.after.entry()?);
        match before.key.cmp(after.key) {
            Ordering::Less => self.before.take().map(removed),
            Ordering::Greater => self.after.take().map(added),
            Ordering::Equal => {
                let same = before.same_value(&after);
                let change = (!same).then(|| Change {
                    key: Bytes::copy_from_slice(before.key),
                    before: Some(before.value()),
                    after: Some(after.value()),
                });
                self.before.advance();
                self.after.advance();
                change
            }
        }
    }
}

fn removed((key, value): (Bytes, Value)) -> Change {
    Change {
        key,
        before: Some(value),
        after: None,
    }
}

fn added((key, value): (Bytes, Value)) -> Change {
    Change {
        key,
        before: None,
        after: Some(value),
    }
}

impl Side {
    fn new(tree: &Tree, range: &KeyRange) -> Side {
        Side {
            blocks: tree.blocks.clone(),
            range: range.clone(),
            root: tree.root,
            steps: Vec::new(),
        }
    }

    /// Returns 0 at an entry, more at a subtree, `None` at the end.
    fn level(&self) -> Option<u8> {
        let root = self.root?;
        Some(
            self.steps
                .last()
                .map_or(root.height.saturating_add(1), |step| step.node.level()),
        )
    }

    /// Returns the key of the item, which is the last of a subtree; `None` before the root is open.
    fn key(&self) -> Option<&[u8]> {
        self.steps.last().map(|step| step.node.key(step.index))
    }

    fn entry(&self) -> Option<Entry<'_>> {
        self.steps.last().and_then(|step| step.node.entry(step.index))
    }

    /// Returns the least depth from which on nothing was passed.
    fn whole_from(&self) -> usize {
        self.steps
            .iter()
            .rposition(|step| step.index > step.start)
            .map_or(0, |step| step + 1)
    }

    /// Returns the subtree below `depth` steps on the way to the item.
    fn subtree(&self, depth: usize) -> Option<&Link> {
        let root = self.root.as_ref()?;
        match depth.checked_sub(1) {
            None => Some(&root.link),
            Some(above) => self.steps[above]
                .node
                .child(self.steps[above].index)
                .map(|(link, _)| link),
        }
    }

    fn skip(&mut self, depth: usize) {
        self.steps.truncate(depth);
        self.advance();
    }

    /// Passes the item.
    fn advance(&mut self) {
        while let Some(step) = self.steps.last_mut() {
            step.index += 1;
            if step.index < step.node.len() {
                return;
            }
            self.steps.pop();
        }
        self.root = None;
    }

    /// Takes the entry out of the walk.
    fn take(&mut self) -> Option<(Bytes, Value)> {
        let entry = self.entry()?;
        let taken = (Bytes::copy_from_slice(entry.key), entry.value());
        self.advance();
        Some(taken)
    }

    /// Goes down into the subtree.
    async fn open(&mut self) -> Result<()> {
        let Some(root) = self.root else { return Ok(()) };
        let node = match self.steps.last() {
            None => self.blocks.node(&root.link, root.height).await?,
            Some(step) => open_child(&self.blocks, &step.node, step.index).await?,
        };
        let start = match &self.range.start {
            Bound::Unbounded => 0,
            Bound::Included(key) | Bound::Excluded(key) => node.lower_bound(key),
        };
        let empty = start == node.len();
        self.steps.push(Step {
            node,
            start,
            index: start,
        });
        if empty {
            // only of the root: all its keys come before the range
            self.root = None;
        }
        Ok(())
    }

    /// Passes the one key that an excluded start leaves, and ends the walk behind the range.
    fn trim(&mut self) {
        loop {
            let Some(step) = self.steps.last() else { return };
            if self.root.is_none() {
                self.steps.clear();
            } else if step.node.level() == 0 && !self.range.starts_by(step.node.key(step.index)) {
                self.advance();
            } else {
                // what a subtree holds is above the last key of its neighbour
                let least = if step.node.level() == 0 {
                    Some(step.index)
                } else {
                    step.index.checked_sub(1)
                };
                if least.is_some_and(|index| !self.range.ends_after(step.node.key(index))) {
                    self.root = None;
                    self.steps.clear();
                }
                return;
            }
        }
    }
}

impl Tree {
    /// Returns a walk over what differs between this tree and `after`, within `range`.
    pub fn diff(&self, after: &Tree, range: &KeyRange) -> Diff {
        Diff::new(self, after, range)
    }
}
