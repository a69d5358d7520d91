//! The database file: opening, migrating, one writer and some readers, and what its errors mean.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, SqlitePool};
use tokio::sync::{Mutex, MutexGuard};

use crate::{Error, Kind, Result};

/// How long a call waits for a lock that another connection holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS_MAX: u32 = 4;
/// How many rows are read before the reader takes them: two threads take turns less often.
const ROWS_AHEAD: usize = 2_048;
/// To how many bytes the write-ahead log is cut when a burst of writes is over.
const WAL_BYTES_KEPT: &str = "16777216";

/// The schema, version by version; what stands here once is never changed, only added to.
const MIGRATIONS: [&str; 7] = [
    include_str!("schema_1.sql"),
    include_str!("schema_2_branches.sql"),
    include_str!("schema_3_state.sql"),
    include_str!("schema_4_rules.sql"),
    include_str!("schema_5_repository_rules.sql"),
    include_str!("schema_6_history.sql"),
    include_str!("schema_7_ancestry.sql"),
];
/// The version that asks for more of each commit than SQL can tell.
const ANCESTRY: i64 = 7;
const CREATE_VERSIONS: &str =
    "CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT NOT NULL PRIMARY KEY)";
const VERSION: &str = "SELECT COALESCE(MAX(version), 0) FROM schema_versions";
const ADD_VERSION: &str = "INSERT INTO schema_versions (version) VALUES ($1)";

/// An open database.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    readers: SqlitePool,
    /// Empty when a write failed: its connection may hold a transaction in an unknown state, so it is closed
    /// and the next write opens another.
    writer: Mutex<Option<SqliteConnection>>,
}

/// A write transaction. Dropped before its end, it changes nothing.
pub(super) struct Write<'a> {
    database: &'a Database,
    slot: MutexGuard<'a, Option<SqliteConnection>>,
    pub(super) connection: SqliteConnection,
    pub(super) operation: &'static str,
}

impl Database {
    pub(super) async fn open(path: &Path) -> Result<Database> {
        let options = options(path);
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .test_before_acquire(false)
            .connect_lazy_with(options.read_only(true));
        let database = Database {
            path: path.to_owned(),
            readers,
            writer: Mutex::new(None),
        };
        let mut write = database.write("opening the database").await?;
        let outcome = migrate(&mut write).await;
        write.end(outcome).await?;
        Ok(database)
    }

    pub(super) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    pub(super) fn failed(&self, operation: &'static str) -> impl Fn(sqlx::Error) -> Error {
        move |error| explain(operation, &self.path, &error)
    }

    /// Begins a write transaction, as soon as no other runs.
    pub(super) async fn write(&self, operation: &'static str) -> Result<Write<'_>> {
        let mut slot = self.writer.lock().await;
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => self.connect().await.map_err(self.failed(operation))?,
        };
        let begun = sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await;
        begun.map_err(self.failed(operation))?;
        Ok(Write {
            database: self,
            slot,
            connection,
            operation,
        })
    }

    async fn connect(&self) -> Result<SqliteConnection, sqlx::Error> {
        options(&self.path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("journal_size_limit", WAL_BYTES_KEPT)
            .connect()
            .await
    }

    /// Closes all connections, which moves what the write-ahead log holds into the database file.
    pub(super) async fn close(&self) -> Result<()> {
        self.readers.close().await;
        match self.writer.lock().await.take() {
            Some(writer) => writer.close().await.map_err(self.failed("closing the database")),
            None => Ok(()),
        }
    }
}

impl<'a> Write<'a> {
    pub(super) fn failed(&self) -> impl Fn(sqlx::Error) -> Error + use<'a> {
        self.database.failed(self.operation)
    }

    /// Commits if all went well; otherwise nothing is changed.
    pub(super) async fn end<T>(mut self, outcome: Result<T>) -> Result<T> {
        let last = if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" };
        if outcome
            .as_ref()
            .is_err_and(|e| matches!(e.kind(), Kind::Unavailable | Kind::Corrupt))
        {
            return outcome;
        }
        let ended = sqlx::query(last).execute(&mut self.connection).await;
        ended.map_err(self.failed())?;
        *self.slot = Some(self.connection);
        outcome
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .row_buffer_size(ROWS_AHEAD)
        .disable_statement_logging()
}

async fn migrate(write: &mut Write<'_>) -> Result<()> {
    let failed = write.failed();
    sqlx::query(CREATE_VERSIONS)
        .execute(&mut write.connection)
        .await
        .map_err(&failed)?;
    let version: i64 = sqlx::query_scalar(VERSION)
        .fetch_one(&mut write.connection)
        .await
        .map_err(&failed)?;
    let known = MIGRATIONS.len() as i64;
    if version > known {
        let reason = format!("a later skep wrote it: its schema is {version}, this skep knows {known}");
        return Err(Error::Refused {
            operation: write.operation,
            reason,
        });
    }
    for (number, migration) in (1..).zip(MIGRATIONS).filter(|(number, _)| *number > version) {
        sqlx::raw_sql(migration)
            .execute(&mut write.connection)
            .await
            .map_err(&failed)?;
        let added = sqlx::query(ADD_VERSION)
            .bind(number)
            .execute(&mut write.connection)
            .await;
        added.map_err(&failed)?;
        if number == ANCESTRY {
            write.place_all().await?;
        }
    }
    Ok(())
}

/// Says what an error of the driver means for the caller. The numbers are SQLite's primary result codes.
fn explain(operation: &'static str, path: &Path, error: &sqlx::Error) -> Error {
    let code = error
        .as_database_error()
        .and_then(|e| e.code())
        .and_then(|code| code.parse::<u32>().ok());
    match (code.map(|code| code & 0xff), error) {
        (Some(11 | 26), _) | (_, sqlx::Error::ColumnDecode { .. }) => Error::Corrupt {
            what: "database",
            key: path.display().to_string(),
            message: error.to_string(),
        },
        (Some(13), _) => Error::NoSpace { operation },
        (_, sqlx::Error::Io(e)) if e.kind() == std::io::ErrorKind::StorageFull => {
            Error::NoSpace { operation }
        }
        _ => Error::Storage {
            operation,
            message: format!("{}: {error}", path.display()),
        },
    }
}
