//! `skep tag`.

use api::tags::{NewTag, TagBody};
use clap::{Args, Subcommand};

use super::Remote;
use super::branch::short;
use crate::error::Failure;
use crate::output::table;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Name a commit for ever
    Create(Create),
    /// List all tags
    List(List),
    /// Remove a tag; the commit stays
    Delete(Delete),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The name of the new tag
    name: String,
    /// What it names: a branch's committed state, a tag or a commit [default: the default branch]
    #[arg(long)]
    at: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Delete {
    /// The tag
    name: String,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(Create { name, at, remote }) => {
            let tag: TagBody = remote.client().post(&["tags"], &NewTag { name, at }).await?;
            remote.format().print(&tag, |tag| {
                format!("tag {} is commit {}", tag.name, short(&tag.commit))
            })
        }
        Command::List(List { remote }) => {
            let tags: Vec<TagBody> = remote.client().get(&["tags"]).await?;
            let row = |tag: &TagBody| [tag.name.clone(), short(&tag.commit)];
            remote
                .format()
                .print(&tags, |tags| table(&["tag", "commit"], tags.iter().map(row)))
        }
        Command::Delete(Delete { name, remote }) => {
            remote.client().delete(&["tags", &name]).await?;
            remote.format().print(&serde_json::json!({"deleted": name}), |_| {
                format!("tag {name} is gone")
            })
        }
    }
}
