//! The rewriting of one level of a tree.

use std::iter::Peekable;
use std::vec::IntoIter;

use bytes::Bytes;

use super::Tree;
use super::builder::{Encoded, NodeBuilder};
use super::edit::{Changes, Item, Removal};
use super::path::Path;
use crate::{Hash, Result};

/// The rewriting of one level.
pub(super) struct Rewrite {
    /// The place in the old tree, if there is one.
    path: Option<Path>,
    /// Whether no old entry is left.
    ended: bool,
    edits: Peekable<IntoIter<(Bytes, Option<Item>)>>,
    removals: Peekable<IntoIter<Removal>>,
    builder: NodeBuilder,
    /// Old nodes that were entered: their last keys and hashes.
    pub(super) removed: Vec<(Bytes, Hash)>,
    /// The nodes in their place.
    pub(super) made: Vec<Encoded>,
}

impl Rewrite {
    pub(super) fn new(tree: &Tree, level: u8, changes: &mut Changes) -> Rewrite {
        let path = tree.path(level);
        Rewrite {
            ended: path.is_none(),
            path,
            edits: std::mem::take(&mut changes.edits).into_iter().peekable(),
            removals: changes.removals.clone().into_iter().peekable(),
            builder: NodeBuilder::new(tree.shape, level),
            removed: Vec::new(),
            made: Vec::new(),
        }
    }

    pub(super) async fn run(&mut self) -> Result<()> {
        while self.edits.peek().is_some() || self.removals.peek().is_some() {
            if self.enter().await? {
                self.copy().await?;
            }
        }
        Ok(())
    }

    /// Goes from a place where both trees agree to the start of the node that the next change touches.
    /// Drops the change and returns false if it changes nothing.
    async fn enter(&mut self) -> Result<bool> {
        let edit = self.edits.peek();
        let removal = self.removals.peek();
        let removal = removal.filter(|removal| edit.is_none_or(|edit| removal.start <= edit.0));
        let is_removal = removal.is_some();
        let touched = match &mut self.path {
            Some(path) if !self.ended && (!path.is_passed() || path.has_next_node()) => {
                touch(path, removal, edit).await?
            }
            _ => {
                self.ended = true;
                !is_removal && edit.is_some_and(|edit| edit.1.is_some())
            }
        };
        match touched {
            true => self.note_entered(),
            false if is_removal => drop(self.removals.next()),
            false => drop(self.edits.next()),
        }
        Ok(touched)
    }

    fn note_entered(&mut self) {
        let Some(path) = self.path.as_ref().filter(|_| !self.ended) else {
            return;
        };
        let (Some((node, _)), hash) = (path.place(), path.link().hash) else {
            return;
        };
        if self.removed.last().is_none_or(|(_, last)| *last != hash) {
            self.removed.push((Bytes::copy_from_slice(node.last_key()), hash));
        }
    }

    /// Copies old entries and applies changes, until both trees agree again.
    async fn copy(&mut self) -> Result<()> {
        while !self.ended {
            let Some(path) = &mut self.path else { break };
            if path.is_passed() {
                if self.builder.is_empty() {
                    return Ok(());
                }
                self.ended = !path.next_node().await?;
                if !self.ended {
                    self.note_entered();
                }
            } else if self.skip_removed().await? {
                if self.agrees() {
                    return Ok(());
                }
                self.note_entered();
            } else if self.step() {
                tokio::task::yield_now().await;
            }
        }
        self.drain();
        Ok(())
    }

    /// Returns whether the place is the start of an old node and nothing is open in the new tree.
    fn agrees(&self) -> bool {
        let starts = self
            .path
            .as_ref()
            .and_then(Path::place)
            .is_some_and(|(_, index)| index == 0);
        starts && self.builder.is_empty() && !self.ended
    }

    /// If the place is in a range to remove, moves behind the range and returns true.
    async fn skip_removed(&mut self) -> Result<bool> {
        let Some(path) = &mut self.path else {
            return Ok(false);
        };
        let Some((node, index)) = path.place() else {
            return Ok(false);
        };
        let key = node.key(index);
        while self
            .removals
            .next_if(|removal| removal.ends_before(key))
            .is_some()
        {}
        let Some(removal) = self.removals.next_if(|removal| removal.contains(key)) else {
            return Ok(false);
        };
        self.ended = match &removal.end {
            Some(end) => !path.seek(end).await?,
            None => true,
        };
        Ok(true)
    }

    /// Takes the next edit or old entry, whichever comes first; returns whether a node became complete.
    fn step(&mut self) -> bool {
        let Some(path) = &mut self.path else { return false };
        let Some((node, index)) = path.place() else {
            return false;
        };
        let key = node.key(index);
        match self.edits.next_if(|(edit, _)| edit <= key) {
            Some((edit, item)) => {
                if edit == key {
                    path.pass();
                }
                item.is_some_and(|item| self.push(&edit, &item))
            }
            None => {
                let complete = match (node.entry(index), node.child(index)) {
                    (Some(entry), _) => self.builder.push_entry(&entry),
                    (None, Some((link, totals))) => self.builder.push_child(key, link, totals),
                    (None, None) => false,
                };
                path.pass();
                if complete {
                    self.made.push(self.builder.finish());
                }
                complete
            }
        }
    }

    fn push(&mut self, key: &[u8], item: &Item) -> bool {
        let complete = match item {
            Item::Value(value) => self.builder.push_value(key, value),
            Item::Child(link, totals) => self.builder.push_child(key, link, *totals),
        };
        if complete {
            self.made.push(self.builder.finish());
        }
        complete
    }

    /// Appends what is left when there are no old entries any more.
    fn drain(&mut self) {
        while let Some((key, item)) = self.edits.next() {
            if let Some(item) = item {
                self.push(&key, &item);
            }
        }
        self.removals = Vec::new().into_iter().peekable();
        if !self.builder.is_empty() {
            self.made.push(self.builder.finish());
        }
    }
}

/// Moves to the start of the node that a change touches; returns false if it changes nothing.
async fn touch(
    path: &mut Path,
    removal: Option<&Removal>,
    edit: Option<&(Bytes, Option<Item>)>,
) -> Result<bool> {
    let (key, put) = match (removal, edit) {
        (Some(removal), _) => (&removal.start, false),
        (None, Some((key, item))) => (key, item.is_some()),
        (None, None) => return Ok(false),
    };
    if !path.seek(key).await? {
        // behind everything: the last node is the one that grows
        if put {
            path.last_node().await?;
        }
        return Ok(put);
    }
    let Some((node, index)) = path.place() else {
        return Ok(false);
    };
    let found = node.key(index);
    let touched = put || removal.map_or(found == key, |removal| removal.contains(found));
    if touched {
        path.rewind();
    }
    Ok(touched)
}
