//! What a ref looks like at one moment: four trees, and over them the operations that are not folded yet.

use std::sync::Arc;

use bytes::Bytes;

use crate::id::Domain;
use crate::object::Object;
use crate::overlay::{Ahead, Next, Overlay, Said};
use crate::store::Blocks;
use crate::tree::{Cursor, Diff, Entry, Totals, Tree};
use crate::{Batch, BlobRef, CommitId, Hash, KeyRange, Result, Roots, Space, Value};

/// An immutable, consistent picture of a repository at a ref. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct View {
    inner: Arc<Inner>,
}

#[derive(Debug, Clone)]
struct Inner {
    blocks: Arc<Blocks>,
    head: CommitId,
    roots: Roots,
    overlay: Overlay,
    epoch: u32,
}

impl View {
    pub(crate) fn new(
        blocks: Arc<Blocks>,
        head: CommitId,
        roots: Roots,
        overlay: Overlay,
        epoch: u32,
    ) -> View {
        View {
            inner: Arc::new(Inner {
                blocks,
                head,
                roots,
                overlay,
                epoch,
            }),
        }
    }

    /// Returns the commit below the staged state (or the commit itself).
    pub fn head(&self) -> CommitId {
        self.inner.head
    }

    /// Returns the trees below the overlay.
    pub fn roots(&self) -> Roots {
        self.inner.roots
    }

    /// Returns whether the trees alone are the state: nothing waits to be folded.
    pub fn is_settled(&self) -> bool {
        self.inner.overlay.is_empty()
    }

    pub(crate) fn overlay(&self) -> &Overlay {
        &self.inner.overlay
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.inner.epoch
    }

    /// Returns this view with trees that hold its overlay already, where they are among other blocks.
    pub(crate) fn settled_in(&self, blocks: Arc<Blocks>, roots: Roots) -> View {
        let overlay = Overlay::default();
        View::new(blocks, self.head(), roots, overlay, self.epoch())
    }

    /// Returns this view with trees that hold its overlay already.
    pub(crate) fn settled(&self, roots: Roots) -> View {
        View {
            inner: Arc::new(Inner {
                roots,
                overlay: Overlay::default(),
                ..Inner::clone(&self.inner)
            }),
        }
    }

    /// Returns what differs in one space between this and another view of the same repository, both settled.
    pub fn diff(&self, after: &View, space: Space, range: &KeyRange) -> Diff {
        self.tree(space).diff(&after.tree(space), range)
    }

    pub(crate) fn tree(&self, space: Space) -> Tree {
        Tree::open(self.inner.blocks.clone(), space, self.inner.roots.get(space))
    }

    /// Returns the value at `key`.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`], [`crate::Error::Storage`], as every method here.
    pub async fn get(&self, space: Space, key: &[u8]) -> Result<Option<Value>> {
        match self.inner.overlay.get(space, key) {
            Said::Put(value) => Ok(Some(value.clone())),
            Said::Deleted => Ok(None),
            Said::Nothing => self.tree(space).get(key).await,
        }
    }

    /// Returns the entries of `range` in the order of their keys.
    pub fn scan(&self, space: Space, range: KeyRange) -> Scan {
        Scan {
            ahead: self.inner.overlay.ahead(space, &range),
            cursor: self.tree(space).cursor(range),
            turn: Turn::Tree,
        }
    }

    /// Returns the number of entries in `range` and the sum of their weights. It costs the height of the
    /// tree and, for what is not folded and lies in the range, one look-up a key.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn totals(&self, space: Space, range: KeyRange) -> Result<Totals> {
        let tree = self.tree(space);
        let overlay = &self.inner.overlay;
        let mut totals = tree.totals(&range).await?;
        for prefix in overlay.prefixes_in(space, &range) {
            let hidden = tree
                .totals(&KeyRange::prefix(prefix.clone()).intersect(&range))
                .await?;
            totals = totals - hidden;
        }
        for (key, value) in overlay.entries(space, &range) {
            if overlay.covering(space, key).is_none()
                && let Some(before) = tree.get(key).await?
            {
                totals = totals
                    - Totals {
                        count: 1,
                        weight: before.weight,
                    };
            }
            if let Some(after) = value {
                totals = totals
                    + Totals {
                        count: 1,
                        weight: after.weight,
                    };
            }
        }
        Ok(totals)
    }

    /// Returns the content of a blob.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn blob(&self, blob: &BlobRef) -> Result<Bytes> {
        match self.inner.overlay.blob(&blob.hash) {
            Some((_, content)) => Ok(content.clone()),
            None => self.inner.blocks.blob(blob).await,
        }
    }

    /// Returns the object at `path`.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn object(&self, path: &str) -> Result<Option<Object>> {
        match self.get(Space::Objects, path.as_bytes()).await? {
            Some(value) => Ok(Some(Object::decode(path.as_bytes(), &value.payload)?)),
            None => Ok(None),
        }
    }

    /// Returns this view with the changes of `batch` on top: for planning, nothing is written.
    pub fn with(&self, batch: &Batch) -> View {
        let mut inner = Inner::clone(&self.inner);
        inner.overlay.apply(batch, inner.epoch);
        View {
            inner: Arc::new(inner),
        }
    }

    /// Returns a reference to a blob with this content. Unless the view has it already, the caller adds the
    /// content to [`Batch::blobs`]; adding it always does no harm.
    pub fn blob_ref(&self, content: &[u8]) -> BlobRef {
        let hash = Hash::of(Domain::Blob, content);
        let epoch = self
            .inner
            .overlay
            .blob(&hash)
            .map_or(self.inner.epoch, |(epoch, _)| *epoch);
        BlobRef { hash, epoch }
    }
}

/// A forward walk over the entries of a range: the tree's and the overlay's, merged.
#[derive(Debug)]
pub struct Scan {
    cursor: Cursor,
    ahead: Ahead,
    turn: Turn,
}

/// Whose entry comes.
#[derive(Debug)]
enum Turn {
    Tree,
    Overlay(Bytes, Value),
}

impl Scan {
    /// Moves to the next entry and returns it.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn next(&mut self) -> Result<Option<Entry<'_>>> {
        if self.ahead.is_clear() {
            return self.cursor.next().await;
        }
        loop {
            let key = self.cursor.peek().await?.map(|entry| entry.key);
            match self.ahead.next(key) {
                Next::End => return Ok(None),
                Next::Skip => drop(self.cursor.next().await?),
                Next::SkipTo(Some(end)) => self.cursor.seek(&end).await?,
                Next::SkipTo(None) => self.cursor.end(),
                Next::Overlay(key, value) => {
                    self.turn = Turn::Overlay(key, value);
                    break;
                }
                Next::Tree => {
                    self.turn = Turn::Tree;
                    break;
                }
            }
        }
        match &self.turn {
            Turn::Overlay(key, value) => Ok(Some(Entry::of(key, value))),
            Turn::Tree => self.cursor.next().await,
        }
    }

    /// Skips to the first entry at or after `key`, which the next call of [`Scan::next`] returns. Does nothing
    /// if the walk is there already.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.ahead.seek(key);
        self.cursor.seek(key).await
    }
}

#[cfg(test)]
mod tests;
