//! Carries out what drafts plan with folders, in step with their changes becoming durable.
//!
//! Folders are made and moved while a change is planned, so that a failure fails the change, and that is taken back
//! if the change never lands. Folders are removed after it has landed. Whoever drops a table and whoever creates one
//! in its place meanwhile do not wait for each other: a removal is left out where a later change made its folder.

use std::collections::BTreeSet;

use futures::lock::Mutex;

use super::{FolderChange, Warehouse, is_within, overlap, parent};
use crate::Result;

/// The order in which changes of one catalog use folders.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// Tickets whose removals are still to come.
    open: BTreeSet<u64>,
    /// Folders that tickets want to be there.
    wanted: Vec<(u64, String)>,
}

/// What one change does with folders.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    number: u64,
    changes: Vec<FolderChange>,
    /// What was done already, to be taken back in reverse.
    done: Vec<Done>,
}

#[derive(Debug)]
enum Done {
    Made(String),
    Moved { from: String, to: String },
}

impl Journal {
    /// Makes and moves folders. What fails leaves everything as it was.
    pub(crate) async fn prepare(
        &self,
        warehouse: &dyn Warehouse,
        changes: Vec<FolderChange>,
    ) -> Result<Ticket> {
        if changes.is_empty() {
            return Ok(Ticket::default());
        }
        let mut state = self.state.lock().await;
        state.next += 1;
        let mut ticket = Ticket {
            number: state.next,
            changes,
            done: Vec::new(),
        };
        match ticket.make_and_move(warehouse).await {
            Ok(()) => {
                state.open.insert(ticket.number);
                let wanted: Vec<_> = ticket.wanted().map(|uri| (ticket.number, uri)).collect();
                state.wanted.extend(wanted);
                Ok(ticket)
            }
            Err(error) => {
                ticket.take_back(warehouse).await;
                Err(error)
            }
        }
    }

    /// Takes back what was prepared for a change that did not land.
    pub(crate) async fn undo(&self, warehouse: &dyn Warehouse, ticket: Ticket) {
        let mut state = self.state.lock().await;
        ticket.take_back(warehouse).await;
        state.close(ticket.number);
    }

    /// Removes what a change that has landed leaves behind. What cannot be removed is told of in the log: the change
    /// is done.
    pub(crate) async fn finish(&self, warehouse: &dyn Warehouse, ticket: Ticket) {
        if ticket.number == 0 {
            return;
        }
        let mut state = self.state.lock().await;
        for change in &ticket.changes {
            if let Err(error) = state.remove(warehouse, ticket.number, change).await {
                tracing::warn!(%error, "a folder of something that was dropped stays");
            }
        }
        state.close(ticket.number);
    }
}

impl State {
    async fn remove(&self, warehouse: &dyn Warehouse, number: u64, change: &FolderChange) -> Result<()> {
        match change {
            FolderChange::Make(_) | FolderChange::Move { .. } => Ok(()),
            FolderChange::Remove { uri, purge, up_to } => {
                if self.is_wanted_since(number, uri) {
                    return Ok(());
                }
                warehouse.remove_dir(uri, *purge).await?;
                match up_to {
                    Some(up_to) => remove_empty_between(warehouse, uri, up_to).await,
                    None => Ok(()),
                }
            }
            FolderChange::Clear { uri, purge } => {
                warehouse.remove_dir(uri, *purge).await?;
                warehouse.make_dir(uri).await.map(drop)
            }
        }
    }

    fn is_wanted_since(&self, number: u64, uri: &str) -> bool {
        let mut later = self.wanted.iter().filter(|(since, _)| *since > number);
        later.any(|(_, wanted)| overlap(wanted, uri))
    }

    /// Forgets a ticket, and what no open one needs to know.
    fn close(&mut self, number: u64) {
        self.open.remove(&number);
        match self.open.first().copied() {
            Some(oldest) => self.wanted.retain(|(since, _)| *since > oldest),
            None => self.wanted.clear(),
        }
    }
}

/// Removes the folders above `uri` and below `up_to`, as long as they are empty.
async fn remove_empty_between(warehouse: &dyn Warehouse, uri: &str, up_to: &str) -> Result<()> {
    let mut folder = parent(uri);
    while let Some(uri) = folder.filter(|uri| is_within(uri, up_to) && !is_within(up_to, uri)) {
        if !warehouse.remove_empty_dir(uri).await? {
            break;
        }
        folder = parent(uri);
    }
    Ok(())
}

impl Ticket {
    async fn make_and_move(&mut self, warehouse: &dyn Warehouse) -> Result<()> {
        for change in &self.changes {
            match change {
                FolderChange::Make(uri) => {
                    let made = warehouse.make_dir(uri).await?;
                    self.done.extend(made.into_iter().map(Done::Made));
                }
                FolderChange::Move { from, to } => {
                    warehouse.move_dir(from, to).await?;
                    let (from, to) = (from.clone(), to.clone());
                    self.done.push(Done::Moved { from, to });
                }
                FolderChange::Remove { .. } | FolderChange::Clear { .. } => {}
            }
        }
        Ok(())
    }

    fn wanted(&self) -> impl Iterator<Item = String> {
        self.changes.iter().filter_map(|change| match change {
            FolderChange::Make(uri)
            | FolderChange::Move { to: uri, .. }
            | FolderChange::Clear { uri, .. } => Some(uri.clone()),
            FolderChange::Remove { .. } => None,
        })
    }

    async fn take_back(&self, warehouse: &dyn Warehouse) {
        for done in self.done.iter().rev() {
            let taken_back = match done {
                Done::Made(uri) => warehouse.remove_empty_dir(uri).await.map(drop),
                Done::Moved { from, to } => warehouse.move_dir(to, from).await,
            };
            if let Err(error) = taken_back {
                tracing::warn!(%error, "a folder of a change that failed stays");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::warehouse::MemoryWarehouse;

    fn make(uri: &str) -> FolderChange {
        FolderChange::Make(uri.into())
    }

    fn remove(uri: &str) -> FolderChange {
        FolderChange::Remove {
            uri: uri.into(),
            purge: true,
            up_to: Some("file:/w/t".into()),
        }
    }

    #[test]
    fn a_change_that_fails_leaves_no_folders() {
        let (journal, warehouse) = (Journal::default(), MemoryWarehouse::new("file:/w"));
        block_on(async {
            warehouse.put_file("file:/w/file", 1);
            let failed = journal.prepare(&warehouse, vec![make("file:/w/a/b"), make("file:/w/file")]);
            assert!(failed.await.is_err());
            assert!(!warehouse.has_dir("file:/w/a").await.unwrap());
            let ticket = journal
                .prepare(&warehouse, vec![make("file:/w/a/b")])
                .await
                .unwrap();
            journal.undo(&warehouse, ticket).await;
            assert!(!warehouse.has_dir("file:/w/a").await.unwrap());
        });
    }

    #[test]
    fn emptied_parents_go_up_to_the_table() {
        let (journal, warehouse) = (Journal::default(), MemoryWarehouse::new("file:/w"));
        block_on(async {
            let ticket = journal
                .prepare(&warehouse, vec![make("file:/w/t/p=1/q=1")])
                .await
                .unwrap();
            journal.finish(&warehouse, ticket).await;
            let ticket = journal
                .prepare(&warehouse, vec![remove("file:/w/t/p=1/q=1")])
                .await
                .unwrap();
            journal.finish(&warehouse, ticket).await;
            assert!(!warehouse.has_dir("file:/w/t/p=1").await.unwrap());
            assert!(warehouse.has_dir("file:/w/t").await.unwrap());
        });
    }

    #[test]
    fn a_folder_that_was_made_again_meanwhile_stays() {
        let (journal, warehouse) = (Journal::default(), MemoryWarehouse::new("file:/w"));
        block_on(async {
            warehouse.make_dir("file:/w/t").await.unwrap();
            let dropped = journal
                .prepare(&warehouse, vec![remove("file:/w/t")])
                .await
                .unwrap();
            let created = journal
                .prepare(&warehouse, vec![make("file:/w/t")])
                .await
                .unwrap();
            journal.finish(&warehouse, created).await;
            journal.finish(&warehouse, dropped).await;
            assert!(warehouse.has_dir("file:/w/t").await.unwrap());
            let dropped = journal
                .prepare(&warehouse, vec![remove("file:/w/t")])
                .await
                .unwrap();
            journal.finish(&warehouse, dropped).await;
            assert!(!warehouse.has_dir("file:/w/t").await.unwrap());
        });
    }
}
