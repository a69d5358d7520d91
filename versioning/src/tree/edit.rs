//! Applying changes: only what they touch is read and rewritten, and the result is the tree that would have
//! been built from scratch.
//!
//! Level by level, from the leaves up. Where a node begins in the old tree and nothing is open in the new
//! one, both agree, and everything up to the next change is kept as it is. From there entries are copied and
//! changed until both agree again. What came of the nodes of a level are the changes of the level above.
//! Removed ranges stay ranges on every level: the last key of a node that lies wholly in one is in it too.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::builder::{Encoded, NodeBuilder};
use super::node::Node;
use super::rewrite::Rewrite;
use super::{Link, Root, Totals, Tree, check_entry};
use crate::id::Domain;
use crate::store::Frame;
use crate::{Edit, Error, Hash, KeyRange, Result, Value};

/// Up to how many new leaves of one plan stay in the cache.
const CACHED_MAX: usize = 512;

/// A changed tree, and the nodes that have to be written before it is there.
#[derive(Debug)]
pub struct Planned {
    pub root: Option<Root>,
    /// The new nodes.
    pub frames: Vec<Frame>,
}

/// What stands at a key of some level.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Value(Value),
    Child(Link, Totals),
}

/// A range of keys to remove: from a key up to another, or to the end.
#[derive(Debug, Clone)]
pub(super) struct Removal {
    pub(super) start: Bytes,
    pub(super) end: Option<Bytes>,
}

/// The changes of one level, in order.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) edits: Vec<(Bytes, Option<Item>)>,
    pub(super) removals: Vec<Removal>,
}

/// The children of a node that may have to be made.
type Children = BTreeMap<Bytes, (Link, Totals)>;

impl Tree {
    /// Returns the tree after `edits`, which are sorted by key and name each key once, and the nodes it
    /// needs. Before them, all keys are removed that begin with one of `prefixes`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a key or value above the limits, [`Error::Internal`] for edits out of order,
    /// [`Error::Corrupt`], [`Error::Storage`].
    pub async fn plan(&self, epoch: u32, edits: Vec<Edit>, prefixes: Vec<Bytes>) -> Result<Planned> {
        if !edits.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(Error::Internal("the edits of a tree are not in order".into()));
        }
        for (key, value) in &edits {
            check_entry(key, value.as_ref())?;
        }
        let edits = edits
            .into_iter()
            .map(|(key, value)| (key, value.map(Item::Value)))
            .collect();
        let mut plan = Plan {
            tree: self,
            epoch,
            frames: HashMap::new(),
        };
        let root = plan
            .apply(Changes {
                edits,
                removals: disjoint(prefixes),
            })
            .await?;
        Ok(Planned {
            root,
            frames: plan.frames.into_values().collect(),
        })
    }
}

/// Returns the ranges of keys that begin with any of `prefixes`, in order and without overlap.
fn disjoint(mut prefixes: Vec<Bytes>) -> Vec<Removal> {
    prefixes.sort();
    prefixes.dedup_by(|next, kept| next.starts_with(kept));
    let removal = |prefix: Bytes| {
        let end = match KeyRange::prefix(prefix.clone()).end {
            Bound::Excluded(end) => Some(end),
            Bound::Included(_) | Bound::Unbounded => None,
        };
        Removal { start: prefix, end }
    };
    prefixes.into_iter().map(removal).collect()
}

impl Removal {
    pub(super) fn ends_before(&self, key: &[u8]) -> bool {
        self.end.as_ref().is_some_and(|end| end <= key)
    }

    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.start <= key && !self.ends_before(key)
    }
}

struct Plan<'a> {
    tree: &'a Tree,
    epoch: u32,
    /// New nodes by hash. Looked up and drained, never a source of order.
    frames: HashMap<Hash, Frame>,
}

impl Plan<'_> {
    async fn apply(&mut self, mut changes: Changes) -> Result<Option<Root>> {
        let height = self.tree.root.map_or(0, |root| root.height);
        self.prefetch(&changes.edits).await?;
        for level in 0..=height {
            let mut rewrite = Rewrite::new(self.tree, level, &mut changes);
            rewrite.run().await?;
            let Rewrite { removed, made, .. } = rewrite;
            changes.edits = self.settle(level, removed, made).await?;
            if changes.edits.is_empty() {
                return Ok(self.tree.root);
            }
        }
        let children = self.top(changes).await?;
        self.crown(height, children).await
    }

    /// Loads the leaves that the edits touch, many at once.
    async fn prefetch(&self, edits: &[(Bytes, Option<Item>)]) -> Result<()> {
        let inner = self.tree.root.filter(|root| root.height > 0);
        let Some(mut path) = inner.and_then(|_| self.tree.path(1)) else {
            return Ok(());
        };
        let mut leaves: Vec<Link> = Vec::new();
        for (key, _) in edits {
            if !path.seek(key).await? {
                break;
            }
            let leaf = path.place().and_then(|(node, index)| node.child(index));
            leaves.extend(
                leaf.map(|(link, _)| *link)
                    .filter(|link| leaves.last() != Some(link)),
            );
        }
        self.tree.blocks.load_leaves(leaves).await
    }

    /// Frames the nodes that are new, and returns what has changed for the level above.
    async fn settle(
        &mut self,
        level: u8,
        removed: Vec<(Bytes, Hash)>,
        made: Vec<Encoded>,
    ) -> Result<Vec<(Bytes, Option<Item>)>> {
        let old: HashMap<Bytes, Hash> = removed.iter().cloned().collect();
        let mut edits: BTreeMap<Bytes, Option<Item>> =
            removed.into_iter().map(|(key, _)| (key, None)).collect();
        for node in made {
            let key = Bytes::copy_from_slice(&node.last_key);
            if old.get(&key) == Some(&Hash::of(Domain::Node, &node.hashed)) {
                edits.remove(&key);
                continue;
            }
            let item = self.frame(level, &node)?;
            edits.insert(key, Some(item));
            // compressing takes a while
            tokio::task::yield_now().await;
        }
        Ok(edits.into_iter().collect())
    }

    fn frame(&mut self, level: u8, node: &Encoded) -> Result<Item> {
        let mut frame = self
            .tree
            .blocks
            .frame(Domain::Node, self.epoch, &node.hashed, &node.physical)?;
        if level > 0 || self.frames.len() < CACHED_MAX {
            let decoded = node
                .decode()
                .map_err(|error| Error::Internal(format!("a new node {error}")))?;
            frame = frame.keeping(Arc::new(decoded));
        }
        let link = frame.link;
        self.frames.insert(link.hash, frame);
        Ok(Item::Child(link, node.totals))
    }

    /// Returns all nodes of the level of the old root.
    async fn top(&self, changes: Changes) -> Result<Children> {
        let mut children = Children::new();
        if let Some(root) = self.tree.root {
            let node = self.tree.blocks.node(&root.link, root.height).await?;
            children.insert(
                Bytes::copy_from_slice(node.last_key()),
                (root.link, root.totals()),
            );
        }
        children.retain(|key, _| !changes.removals.iter().any(|removal| removal.contains(key)));
        for (key, item) in changes.edits {
            match item {
                Some(Item::Child(link, totals)) => drop(children.insert(key, (link, totals))),
                Some(Item::Value(_)) | None => drop(children.remove(&key)),
            }
        }
        Ok(children)
    }

    /// Returns the root over all nodes of `level`: the lowest node that has everything below it.
    async fn crown(&mut self, mut level: u8, mut children: Children) -> Result<Option<Root>> {
        while children.len() > 1 {
            let mut builder = NodeBuilder::new(self.tree.shape, level + 1);
            let mut made = Vec::new();
            for (key, (link, totals)) in children {
                if builder.push_child(&key, &link, totals) {
                    made.push(builder.finish());
                }
            }
            if !builder.is_empty() {
                made.push(builder.finish());
            }
            level += 1;
            children = Children::new();
            for (key, item) in self.settle(level, Vec::new(), made).await? {
                if let Some(Item::Child(link, totals)) = item {
                    children.insert(key, (link, totals));
                }
            }
        }
        let Some((_, (mut link, totals))) = children.pop_first() else {
            return Ok(None);
        };
        while level > 0 {
            let node = self.node(&link, level).await?;
            let Some((child, _)) = node.child(0).filter(|_| node.len() == 1) else {
                break;
            };
            self.frames.remove(&link.hash);
            link = *child;
            level -= 1;
        }
        Ok(Some(Root {
            link,
            height: level,
            count: totals.count,
            weight: totals.weight,
        }))
    }

    async fn node(&self, link: &Link, level: u8) -> Result<Arc<Node>> {
        match self.frames.get(&link.hash).and_then(Frame::node) {
            Some(node) => Ok(node.clone()),
            None => self.tree.blocks.node(link, level).await,
        }
    }
}
