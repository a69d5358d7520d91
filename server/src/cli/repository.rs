//! `skep repository`.

use api::repositories::{NewRepository, RepositoryBody, Warehouse};
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
}

#[derive(Debug, Args)]
pub(super) struct Create {
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
            let row =
                |one: &RepositoryBody| [one.name.clone(), one.default_branch.clone(), time(one.created_us)];
            remote.format().print(&all, |all| {
                table(&["repository", "default", "created"], all.iter().map(row))
            })
        }
    }
}
