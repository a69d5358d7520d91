//! `skep diff` and `skep status`.

use api::data_diffs::{ProfileBody, RowLine};
use api::diffs::DiffBody;
use clap::Args;

use super::Remote;
use super::data_diff::{Collected, profile_text};
use super::diff_text::text;
use super::style::Style;
use crate::client::Client;
use crate::error::{Exit, Failure};
use crate::output::{Format, say};

/// How many partitions of a table are listed where nothing is said.
const PARTITIONS: usize = 20;

#[derive(Debug, Args)]
pub(super) struct DiffArguments {
    /// The version before: a branch (`name@` without what is staged), tag or commit. FROM...TO alone compares TO with what
    /// both began from: what a merge of TO would bring
    #[arg(required_unless_present = "staged")]
    from: Option<String>,
    /// The version after
    to: Option<String>,
    /// What is staged on a branch, instead of two versions
    #[arg(long, value_name = "BRANCH", conflicts_with_all = ["from", "to"])]
    staged: Option<String>,
    /// How many partitions of a table to list, or to profile
    #[arg(long, default_value_t = PARTITIONS)]
    partitions: usize,
    /// Show all, and fold nothing
    #[arg(long)]
    full: bool,
    /// Show rows, and of each column min, max, nulls and distinct values, of partitions that changed [default: of all tables]
    #[arg(long, value_name = "TABLE-GLOB", num_args = 0..=1, default_missing_value = "*", conflicts_with = "rows")]
    profile: Option<String>,
    /// Show the rows of a table that were added, removed and changed
    #[arg(long, value_name = "TABLE", requires = "key")]
    rows: Option<String>,
    /// The columns by which a row is known
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', requires = "rows")]
    key: Vec<String>,
    /// How many rows to show
    #[arg(long, default_value_t = 1_000)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// The branch [default: the default branch]
    branch: Option<String>,
    /// Show all, and fold nothing
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    remote: Remote,
}

impl DiffArguments {
    /// Returns both versions, as a request names them.
    fn refs(&self) -> Result<Vec<(&'static str, String)>, Failure> {
        let ends = |from: &str, to: &str| vec![("from", from.to_owned()), ("to", to.to_owned())];
        if let Some(branch) = &self.staged {
            return Ok(ends(&format!("{branch}@"), branch));
        }
        let from = self.from.as_deref().unwrap_or_default();
        match (from.split_once("..."), &self.to) {
            (None, Some(to)) => Ok(ends(from, to)),
            (Some((from, to)), None) if self.rows.is_none() && self.profile.is_none() => {
                let mut query = ends(from, to);
                query.push(("merge_base", "true".to_owned()));
                Ok(query)
            }
            (Some(_), None) => Err(Failure::new(
                Exit::WrongUse,
                "data is compared between two versions: name both, FROM TO",
            )),
            _ => Err(Failure::new(
                Exit::WrongUse,
                "two versions are compared: name them as FROM TO, or as FROM...TO for what TO has since both parted",
            )),
        }
    }
}

pub(super) async fn diff(arguments: DiffArguments) -> Result<(), Failure> {
    let (client, format) = (arguments.remote.client(), arguments.remote.format());
    let style = Style::of(arguments.full);
    let mut query = arguments.refs()?;
    if let Some(table) = arguments.rows {
        query.extend([
            ("table", table),
            ("key", arguments.key.join(",")),
            ("limit", arguments.limit.to_string()),
        ]);
        return rows(&client, format, &query, style).await;
    }
    query.push(("partitions", arguments.partitions.to_string()));
    if let Some(tables) = arguments.profile {
        query.push(("tables", tables));
        let profile: ProfileBody = client.get_with(&["diff", "profile"], &query).await?;
        return format.print_painted(&profile, |profile| profile_text(profile, style));
    }
    let diff = changes(&client, query, arguments.full).await?;
    format.print_painted(&diff, |diff| text(diff, "no differences", style))
}

/// Asks for what differs; for all of it line by line.
async fn changes(
    client: &Client,
    mut query: Vec<(&'static str, String)>,
    is_full: bool,
) -> Result<DiffBody, Failure> {
    if !is_full {
        return client.get_with(&["diff"], &query).await;
    }
    query.retain(|(name, _)| *name != "partitions");
    let mut lines = client.lines(&["diff", "lines"], &query).await?;
    let mut diff = DiffBody::default();
    while let Some(line) = lines.next().await? {
        match diff.add(line) {
            Some(true) => return Ok(diff),
            Some(false) => {}
            None => break,
        }
    }
    Err(Failure::new(Exit::Failed, "the diff broke off before its end"))
}

/// Shows rows that differ: to programs as they come, line by line.
async fn rows(
    client: &Client,
    format: Format,
    query: &[(&str, String)],
    style: Style,
) -> Result<(), Failure> {
    let mut lines = client.lines(&["diff", "rows"], query).await?;
    let mut collected = Collected::default();
    while let Some(line) = lines.next::<RowLine>().await? {
        if let RowLine::Error { problem } = line {
            return Err(Failure::of_problem(problem));
        }
        let is_end = matches!(line, RowLine::End { .. });
        match format {
            Format::Json => {
                let json = serde_json::to_string(&line)
                    .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
                say(&json)?;
            }
            Format::Text => collected.add(line),
        }
        if is_end {
            return match format {
                Format::Json => Ok(()),
                Format::Text => say(&collected.text(style)),
            };
        }
    }
    Err(Failure::new(Exit::Failed, "the rows broke off before their end"))
}

pub(super) async fn status(arguments: StatusArguments) -> Result<(), Failure> {
    let StatusArguments { branch, full, remote } = arguments;
    let client = remote.client();
    let branch = client.branch_or_default(branch).await?;
    let query = vec![
        ("from", format!("{branch}@")),
        ("to", branch),
        ("partitions", PARTITIONS.to_string()),
    ];
    let diff = changes(&client, query, full).await?;
    remote
        .format()
        .print_painted(&diff, |diff| text(diff, "nothing is staged", Style::of(full)))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        diff: DiffArguments,
    }

    #[test]
    fn versions_are_named_one_by_one_or_from_where_they_parted() {
        let refs = |line: &str| {
            let line = Line::try_parse_from(line.split(' ')).unwrap();
            line.diff.refs().map(|query| {
                let texts = query.into_iter().map(|(name, value)| format!("{name}={value}"));
                texts.collect::<Vec<_>>().join("&")
            })
        };
        for (line, expected) in [
            ("diff main etl", Ok("from=main&to=etl")),
            ("diff main...etl", Ok("from=main&to=etl&merge_base=true")),
            ("diff --staged etl", Ok("from=etl@&to=etl")),
            ("diff main", Err("name them as FROM TO")),
            ("diff main...etl x", Err("name them as FROM TO")),
            ("diff main...etl --profile", Err("name both")),
        ] {
            match (refs(line), expected) {
                (Ok(query), Ok(expected)) => assert_eq!(query, expected),
                (Err(failure), Err(expected)) => assert!(failure.message.contains(expected), "{failure}"),
                (found, _) => panic!("{line}: {found:?}"),
            }
        }
    }
}
