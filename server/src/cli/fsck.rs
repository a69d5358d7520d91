//! `skep fsck`: of a server's repository, or of a folder that no server has open.

use std::path::PathBuf;

use api::repositories::FsckBody;
use clap::Args;
use versioning::RepositoryName;
use versioning::repository::Limits;

use super::Remote;
use crate::error::{Exit, Failure};
use crate::serve::OpenFolder;

#[derive(Debug, Args)]
pub(super) struct FsckArguments {
    /// Verify the folder itself, which no server may have open
    #[arg(long)]
    data: Option<PathBuf>,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(arguments: FsckArguments) -> Result<(), Failure> {
    let FsckArguments { data, remote } = arguments;
    let report: FsckBody = match data {
        None => remote.client().post(&["fsck"], &serde_json::json!({})).await?,
        Some(folder) => offline(&folder, &remote.repository).await?,
    };
    remote.format().print(&report, text)?;
    if report.problems.is_empty() {
        return Ok(());
    }
    Err(
        Failure::new(Exit::Failed, format!("{} problems found", report.problems.len()))
            .with_hint("restore what is damaged from a copy of the folder"),
    )
}

async fn offline(folder: &std::path::Path, repository: &str) -> Result<FsckBody, Failure> {
    if !folder.join("refs.db").is_file() {
        return Err(Failure::new(
            Exit::WrongUse,
            format!("{} holds no skep store", folder.display()),
        ));
    }
    let open = OpenFolder::open(folder, Limits::default(), None, None).await?;
    let repository = open.repositories.get(&RepositoryName::parse(repository)?).await?;
    let report = versioning::fsck::fsck(&repository).await?;
    drop(repository);
    open.close().await;
    Ok(report.into())
}

fn text(report: &FsckBody) -> String {
    let counts = format!(
        "{} branches, {} tags, {} commits, {} nodes, {} blobs, {} objects in {} data files",
        report.branches,
        report.tags,
        report.commits,
        report.nodes,
        report.blobs,
        report.objects,
        report.data_files
    );
    let verdict = if report.problems.is_empty() {
        "all sound".into()
    } else {
        report.problems.join("\n")
    };
    format!("{counts}\n{verdict}")
}
