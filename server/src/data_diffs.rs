//! Lends the SQL room's comparison of data to the REST API.

use api::Problem;
use api::data_diffs::{
    ColumnProfileBody, DataDiffs, PartitionProfileBody, ProfileBody, RowBody, RowLine, RowLines, RowsWish,
    TableProfileBody, ValuesBody,
};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use sql::{ColumnProfile, PartitionProfile, ProfileWish, RowChange, RowDiff, RowWish, TableProfile, Values};
use versioning::{RefExpr, Repository};

use crate::lent::{EngineRunner, problem};

#[async_trait]
impl DataDiffs for EngineRunner {
    async fn profile(
        &self,
        repository: &Repository,
        refs: (&RefExpr, &RefExpr),
        tables: &str,
        partitions_max: usize,
    ) -> Result<ProfileBody, Problem> {
        let wish = ProfileWish {
            tables: tables.to_owned(),
            partitions_max,
        };
        let profile = self.0.profile(repository, refs, &wish).await;
        let profile = profile.map_err(|error| problem(&error))?;
        Ok(ProfileBody {
            tables: profile.tables.into_iter().map(table).collect(),
        })
    }

    async fn rows(
        &self,
        repository: &Repository,
        refs: (&RefExpr, &RefExpr),
        wish: &RowsWish,
    ) -> Result<RowLines, Problem> {
        let wish = RowWish {
            table: wish.table.clone(),
            key: wish.key.clone(),
            rows_max: wish.rows_max,
        };
        let diff = self.0.row_diff(repository, refs, &wish).await;
        Ok(lines(diff.map_err(|error| problem(&error))?))
    }
}

fn table(table: TableProfile) -> TableProfileBody {
    TableProfileBody {
        database: table.database,
        name: table.name,
        partitions: table.partitions.into_iter().map(partition).collect(),
        partitions_left: table.partitions_left,
        unread: table.unread,
    }
}

fn partition(partition: PartitionProfile) -> PartitionProfileBody {
    PartitionProfileBody {
        name: partition.name,
        fate: partition.fate.to_owned(),
        rows_before: partition.rows_before,
        rows_after: partition.rows_after,
        columns: partition.columns.into_iter().map(column).collect(),
    }
}

fn column(column: ColumnProfile) -> ColumnProfileBody {
    let values = |values: Values| ValuesBody {
        min: values.min,
        max: values.max,
        nulls: values.nulls,
        distinct_approx: values.distinct,
    };
    ColumnProfileBody {
        name: column.name,
        before: column.before.map(values),
        after: column.after.map(values),
    }
}

fn row(change: RowChange) -> RowBody {
    RowBody {
        change: change.kind.as_str().to_owned(),
        key: change.key,
        before: change.before,
        after: change.after,
        rows_before: change.rows_before,
        rows_after: change.rows_after,
    }
}

/// How far the lines have come, with the number of rows told.
enum Telling {
    Columns(RowDiff),
    Rows(RowDiff, u64),
    Ended,
}

fn lines(diff: RowDiff) -> RowLines {
    stream::unfold(Telling::Columns(diff), async |telling| match telling {
        Telling::Columns(diff) => {
            let first = RowLine::Columns {
                key: diff.key().to_vec(),
                columns: diff.columns().to_vec(),
                one_sided: diff.one_sided().to_vec(),
            };
            Some((Ok(first), Telling::Rows(diff, 0)))
        }
        Telling::Rows(diff, told) => Some(next(diff, told).await),
        Telling::Ended => None,
    })
    .boxed()
}

async fn next(mut diff: RowDiff, told: u64) -> (Result<RowLine, Problem>, Telling) {
    match diff.next().await {
        Ok(Some(change)) => (Ok(RowLine::Row(row(change))), Telling::Rows(diff, told + 1)),
        Ok(None) => {
            let truncated = diff.is_cut();
            (
                Ok(RowLine::End {
                    rows: told,
                    truncated,
                }),
                Telling::Ended,
            )
        }
        Err(error) => (Err(problem(&error)), Telling::Ended),
    }
}
