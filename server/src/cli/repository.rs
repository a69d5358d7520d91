//! `skep repository`.

use api::repositories::{NewRepository, RepositoryBody, RepositoryChanges, Warehouse};
use clap::{Args, Subcommand};

use super::Remote;
use crate::error::Failure;
use crate::output::{table, time};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a repository with an empty default branch
    Create(Create),
    /// List all repositories
    List(List),
    /// Say whether a repository takes writes
    Set(Set),
}

#[derive(Debug, Args)]
pub(super) struct Set {
    /// The repository
    name: String,
    /// Refuse every write: of tables and files, of commits and merges, of branches and tags
    #[arg(long, action = clap::ArgAction::Set)]
    read_only: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The name of the new repository
    name: String,
    /// The name of its first branch
    #[arg(long, default_value = "main")]
    default_branch: String,
    /// The folder for the data of its managed tables, such as file:/warehouse: not versioned then
    #[arg(long)]
    warehouse: Option<String>,
    /// When data goes there whose table was dropped: keep, or immediate
    #[arg(long, requires = "warehouse")]
    warehouse_delete: Option<String>,
    /// The folder to which it is moved then, such as file:/trash
    #[arg(long, requires = "warehouse")]
    warehouse_trash: Option<String>,
    /// Where its new databases lie that say nothing of it: ref, or shared, for Iceberg tables alone
    #[arg(long)]
    layout: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(Create {
            name,
            default_branch,
            warehouse,
            warehouse_delete: delete,
            warehouse_trash: trash,
            layout,
            remote,
        }) => {
            let warehouse = warehouse.map(|root| Warehouse { root, delete, trash });
            let new = NewRepository {
                name,
                default_branch: Some(default_branch),
                warehouse,
                layout,
            };
            let made: RepositoryBody = remote.client().create_repository(&new).await?;
            let say = |made: &RepositoryBody| {
                format!("repository {} with branch {}", made.name, made.default_branch)
            };
            remote.format().print(&made, say)
        }
        Command::List(List { remote }) => {
            let all: Vec<RepositoryBody> = remote.client().repositories().await?;
            let row = |one: &RepositoryBody| {
                let note = if one.read_only { "read-only" } else { "" };
                [
                    one.name.clone(),
                    one.default_branch.clone(),
                    time(one.created_us),
                    note.to_owned(),
                ]
            };
            remote.format().print(&all, |all| {
                table(&["repository", "default", "created", ""], all.iter().map(row))
            })
        }
        Command::Set(Set {
            name,
            read_only,
            remote,
        }) => {
            let changes = RepositoryChanges {
                read_only: Some(read_only),
            };
            let set: RepositoryBody = remote.client().set_repository(&name, &changes).await?;
            let say = |set: &RepositoryBody| match set.read_only {
                true => format!("repository {} is read-only", set.name),
                false => format!("repository {} takes writes", set.name),
            };
            remote.format().print(&set, say)
        }
    }
}
