//! Everything that a tree reaches: for checking it, and for collecting what nothing reaches.

use std::sync::Arc;

use super::node::Node;
use super::path::open_child;
use super::{Link, Totals, Tree};
use crate::id::Domain;
use crate::{BlobRef, Error, Result};

/// What a walk over a tree comes to.
#[derive(Debug, Clone, Copy)]
pub enum Reached<'a> {
    Node(&'a Link),
    Blob(&'a BlobRef),
}

/// A node on the way, and which of its entries comes next.
struct Step {
    node: Arc<Node>,
    index: usize,
}

impl Tree {
    /// Shows `visit` every node of the tree, before it is read, and every blob of the leaves. Where it
    /// returns false for a node, nothing below is read or shown.
    ///
    /// A blob is shown once for each leaf that refers to it.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`], [`crate::Error::Storage`].
    pub async fn walk(&self, visit: impl FnMut(Reached<'_>) -> bool) -> Result<()> {
        self.walk_past(visit, Err).await
    }

    /// Walks as [`Tree::walk`] does; where a node cannot be read, `failed` says whether to go on beside it.
    ///
    /// # Errors
    /// Those that `failed` returns.
    pub async fn walk_past(
        &self,
        mut visit: impl FnMut(Reached<'_>) -> bool,
        mut failed: impl FnMut(Error) -> Result<()>,
    ) -> Result<()> {
        let Some(root) = self.root.filter(|root| visit(Reached::Node(&root.link))) else {
            return Ok(());
        };
        let node = match self.blocks.node(&root.link, root.height).await {
            Ok(node) => node,
            Err(error) => return failed(error),
        };
        let mut steps = vec![Step { node, index: 0 }];
        while let Some(step) = steps.last_mut() {
            let index = step.index;
            step.index += 1;
            match step.node.child(index.min(step.node.len() - 1)) {
                Some((link, _)) if index < step.node.len() => {
                    if visit(Reached::Node(link)) {
                        match open_child(&self.blocks, &step.node, index).await {
                            Ok(node) => steps.push(Step { node, index: 0 }),
                            Err(error) => failed(error)?,
                        }
                    }
                }
                _ => {
                    for blob in step.node.blobs() {
                        visit(Reached::Blob(blob));
                    }
                    steps.pop();
                }
            }
        }
        Ok(())
    }

    /// Reads the whole tree past what the hashes say, and checks that it is the one tree of its content:
    /// keys ascend, sums are right, nodes end where the rule says.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`] for the first thing that is wrong, [`crate::Error::Storage`].
    pub async fn check(&self) -> Result<()> {
        let Some(root) = self.root else { return Ok(()) };
        let node = self.blocks.node(&root.link, root.height).await?;
        if root.height > 0 && node.len() < 2 {
            return Err(self
                .blocks
                .corrupt(Domain::Node, &root.link, "it is a root with one child"));
        }
        self.check_node(&node, &root.link, root.totals(), true)?;
        let mut previous: Option<Vec<u8>> = None;
        let mut steps = vec![Step { node, index: 0 }];
        while let Some(step) = steps.last_mut() {
            let index = step.index;
            step.index += 1;
            if index >= step.node.len() {
                steps.pop();
                continue;
            }
            let Some((link, totals)) = step.node.child(index) else {
                steps.pop();
                continue;
            };
            let (link, parent) = (*link, step.node.clone());
            let node = open_child(&self.blocks, &parent, index).await?;
            if node.level() == 0 {
                if previous.is_some_and(|previous| *previous >= *node.key(0)) {
                    return Err(self.blocks.corrupt(
                        Domain::Node,
                        &link,
                        "its keys are not above those before",
                    ));
                }
                previous = Some(node.last_key().to_vec());
            }
            let is_last = steps.iter().all(|step| step.index == step.node.len());
            self.check_node(&node, &link, totals, is_last)?;
            steps.push(Step { node, index: 0 });
        }
        Ok(())
    }

    fn check_node(&self, node: &Node, link: &Link, totals: Totals, is_last: bool) -> Result<()> {
        let wrong = |message: &str| Err(self.blocks.corrupt(Domain::Node, link, message));
        if node.totals() != totals {
            return wrong("its sums are not what its parent says");
        }
        let mut before = 0;
        for index in 0..node.len() {
            let payload_len = node.entry(index).map_or(0, |entry| entry.payload.len());
            let load = if node.level() == 0 {
                self.shape.leaf_load(payload_len)
            } else {
                1
            };
            let ends = self.shape.ends(node.level(), node.key(index), before, load);
            before += load;
            if ends && index + 1 < node.len() {
                return wrong("it goes on behind its end");
            }
            if !ends && index + 1 == node.len() && !is_last {
                return wrong("it ends before its end");
            }
        }
        Ok(())
    }
}
