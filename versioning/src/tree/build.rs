//! Building a tree from entries that come in order, in memory that does not grow with their number.

use std::sync::Arc;

use futures::{Stream, TryStreamExt};

use super::boundary::Shape;
use super::builder::{Encoded, NodeBuilder};
use super::{Link, Root, Totals, Tree, check_entry};
use crate::id::Domain;
use crate::store::{Blocks, Frame};
use crate::{Error, Result, Space, Value};

/// How many bytes of finished nodes wait until they are written together.
const WAVE_BYTES: usize = 8 << 20;

/// A tree in the making.
#[derive(Debug)]
pub struct TreeBuilder {
    blocks: Arc<Blocks>,
    shape: Shape,
    epoch: u32,
    levels: Vec<Level>,
    waiting: Vec<Frame>,
    waiting_bytes: usize,
}

#[derive(Debug)]
struct Level {
    builder: NodeBuilder,
    /// How many nodes are finished.
    finished: u64,
    /// The last of them.
    last: Option<(Link, Totals)>,
}

impl TreeBuilder {
    /// Returns an empty tree whose nodes will lie in the folder of `epoch`.
    pub fn new(blocks: Arc<Blocks>, space: Space, epoch: u32) -> TreeBuilder {
        TreeBuilder::with_shape(blocks, Shape::of(space), epoch)
    }

    pub(super) fn with_shape(blocks: Arc<Blocks>, shape: Shape, epoch: u32) -> TreeBuilder {
        TreeBuilder {
            blocks,
            shape,
            epoch,
            levels: Vec::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
        }
    }

    /// Appends an entry, whose key is above all before.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Internal`] for a key out of order, [`Error::Storage`],
    /// [`Error::NoSpace`].
    pub async fn push(&mut self, key: &[u8], value: &Value) -> Result<()> {
        check_entry(key, Some(value))?;
        let leaf = &mut self.level(0).builder;
        if !leaf.is_empty() && leaf.last_key() >= key {
            return Err(Error::Internal("the entries of a tree are not in order".into()));
        }
        if leaf.push_value(key, value) {
            self.finish_node(0)?;
        }
        if self.waiting_bytes > WAVE_BYTES {
            self.write().await?;
        }
        Ok(())
    }

    /// Returns the root, once all nodes are stored.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::NoSpace`].
    pub async fn finish(mut self) -> Result<Option<Root>> {
        let mut root = None;
        let mut level = 0;
        while level < self.levels.len() {
            if !self.levels[level].builder.is_empty() {
                self.finish_node(level)?;
            }
            // the lowest level with a single node; what is open above has but this one child
            if let (1, Some((link, totals))) = (self.levels[level].finished, self.levels[level].last) {
                root = Some(Root {
                    link,
                    height: level as u8,
                    count: totals.count,
                    weight: totals.weight,
                });
                break;
            }
            level += 1;
        }
        self.write().await?;
        Ok(root)
    }

    fn level(&mut self, level: usize) -> &mut Level {
        if level == self.levels.len() {
            // no tree has more levels than a node can say
            let builder = NodeBuilder::new(self.shape, level as u8);
            self.levels.push(Level {
                builder,
                finished: 0,
                last: None,
            });
        }
        &mut self.levels[level]
    }

    fn finish_node(&mut self, mut level: usize) -> Result<()> {
        loop {
            let Encoded {
                last_key,
                totals,
                hashed,
                physical,
            } = self.levels[level].builder.finish();
            let frame = self.blocks.frame(Domain::Node, self.epoch, &hashed, &physical)?;
            let link = frame.link;
            self.waiting_bytes += frame.stored_len();
            self.waiting.push(frame);
            self.levels[level].finished += 1;
            self.levels[level].last = Some((link, totals));
            level += 1;
            if !self.level(level).builder.push_child(&last_key, &link, totals) {
                return Ok(());
            }
        }
    }

    async fn write(&mut self) -> Result<()> {
        self.waiting_bytes = 0;
        self.blocks.put_all(std::mem::take(&mut self.waiting)).await
    }
}

impl Tree {
    /// Builds a tree from `entries`, which come in the order of their keys.
    ///
    /// # Errors
    /// As [`TreeBuilder::push`], and what the stream fails with.
    pub async fn build(
        blocks: Arc<Blocks>,
        space: Space,
        epoch: u32,
        entries: impl Stream<Item = Result<(bytes::Bytes, Value)>>,
    ) -> Result<Tree> {
        let mut builder = TreeBuilder::new(blocks.clone(), space, epoch);
        let mut entries = std::pin::pin!(entries);
        while let Some((key, value)) = entries.try_next().await? {
            builder.push(&key, &value).await?;
        }
        let root = builder.finish().await?;
        Ok(Tree::open(blocks, space, root))
    }
}
