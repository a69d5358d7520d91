//! A place in a tree: the nodes from the root down to it.

use std::sync::Arc;

use super::node::Node;
use super::{Link, Root, Tree};
use crate::id::Domain;
use crate::store::Blocks;
use crate::{Error, Result};

/// A place among the entries of one level of a tree.
#[derive(Debug)]
pub(super) struct Path {
    blocks: Arc<Blocks>,
    root: Root,
    /// The level among whose entries it moves.
    floor: u8,
    /// From the root down; empty before the first move. All but the last stand at the child that follows.
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    node: Arc<Node>,
    index: usize,
}

impl Step {
    fn has_next(&self) -> bool {
        self.index + 1 < self.node.len()
    }
}

impl Path {
    /// Returns a place before all entries of the level `floor`, which the tree has to reach.
    pub(super) fn new(blocks: Arc<Blocks>, root: Root, floor: u8) -> Path {
        Path {
            blocks,
            root,
            floor,
            steps: Vec::new(),
        }
    }

    /// Returns the node of the place, and the index of the entry in it, which may be behind its end.
    pub(super) fn place(&self) -> Option<(&Node, usize)> {
        self.steps.last().map(|step| (&*step.node, step.index))
    }

    /// Returns the link of the node of the place.
    pub(super) fn link(&self) -> Link {
        let above = self.steps.len().checked_sub(2).map(|above| &self.steps[above]);
        above
            .and_then(|step| step.node.child(step.index))
            .map_or(self.root.link, |(link, _)| *link)
    }

    /// Moves behind the entry of the place, within its node.
    pub(super) fn pass(&mut self) {
        if let Some(step) = self.steps.last_mut() {
            step.index += 1;
        }
    }

    /// Returns whether the place is behind the last entry of its node.
    pub(super) fn is_passed(&self) -> bool {
        self.place().is_some_and(|(node, index)| index >= node.len())
    }

    /// Returns whether there are nodes behind that of the place.
    pub(super) fn has_next_node(&self) -> bool {
        let above = self.steps.len().saturating_sub(1);
        self.steps.is_empty() || self.steps[..above].iter().any(Step::has_next)
    }

    /// Moves to the first entry at `key` or behind it, never backwards; returns whether there is one. If
    /// not, the place is before all entries again.
    pub(super) async fn seek(&mut self, key: &[u8]) -> Result<bool> {
        let found = self.seek_forward(key).await?;
        if !found {
            self.steps.clear();
        }
        Ok(found)
    }

    async fn seek_forward(&mut self, key: &[u8]) -> Result<bool> {
        self.open_root().await?;
        while self.steps.len() > 1 && self.steps.last().is_some_and(|step| step.node.last_key() < key) {
            self.steps.pop();
        }
        loop {
            let Some(step) = self.steps.last_mut() else {
                return Ok(false);
            };
            step.index = step.index.max(step.node.lower_bound(key));
            if step.index >= step.node.len() {
                return self.next_node().await;
            }
            if step.node.level() == self.floor {
                return Ok(true);
            }
            self.descend().await?;
        }
    }

    /// Moves to the start of the last node.
    pub(super) async fn last_node(&mut self) -> Result<()> {
        self.steps.clear();
        self.open_root().await?;
        while let Some(step) = self
            .steps
            .last_mut()
            .filter(|step| step.node.level() > self.floor)
        {
            step.index = step.node.len() - 1;
            self.descend().await?;
        }
        Ok(())
    }

    /// Moves back to the start of the node of the place.
    pub(super) fn rewind(&mut self) {
        if let Some(step) = self.steps.last_mut() {
            step.index = 0;
        }
    }

    /// Moves from behind a node to the first entry of the next one; returns whether there is one. If not,
    /// the place stays.
    pub(super) async fn next_node(&mut self) -> Result<bool> {
        let above = self.steps.len().saturating_sub(1);
        let Some(turn) = self.steps[..above].iter().rposition(Step::has_next) else {
            return Ok(false);
        };
        self.steps.truncate(turn + 1);
        self.steps[turn].index += 1;
        while self
            .steps
            .last()
            .is_some_and(|step| step.node.level() > self.floor)
        {
            self.descend().await?;
        }
        Ok(true)
    }

    async fn open_root(&mut self) -> Result<()> {
        if self.steps.is_empty() {
            let node = self.blocks.node(&self.root.link, self.root.height).await?;
            self.steps.push(Step { node, index: 0 });
        }
        Ok(())
    }

    async fn descend(&mut self) -> Result<()> {
        let Some(step) = self.steps.last() else {
            return Ok(());
        };
        let node = open_child(&self.blocks, &step.node, step.index).await?;
        self.steps.push(Step { node, index: 0 });
        Ok(())
    }
}

/// Loads the child at `index` of an internal node, and checks that it is what the node says.
pub(super) async fn open_child(blocks: &Blocks, parent: &Node, index: usize) -> Result<Arc<Node>> {
    let (link, _) = parent
        .child(index)
        .ok_or_else(|| Error::Internal("a leaf has no children".into()))?;
    let child = blocks.node(link, parent.level() - 1).await?;
    if child.last_key() != parent.key(index) {
        return Err(blocks.corrupt(Domain::Node, link, "its last key is not what its parent says"));
    }
    Ok(child)
}

impl Tree {
    /// Returns a place among the entries of the level `floor`, if the tree is not empty.
    pub(super) fn path(&self, floor: u8) -> Option<Path> {
        Some(Path::new(self.blocks.clone(), self.root?, floor))
    }
}
