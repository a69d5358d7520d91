//! Queries: how one is planned, run and bounded.

use std::sync::Arc;

use catalog::DEFAULT_DATABASE;
use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{
    CatalogProvider as _, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider as _, TableProvider,
};
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::physical_plan::EmptyRecordBatchStream;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::{DFParserBuilder, Statement as Parsed};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use versioning::{RefExpr, Repository};

use crate::answer::Answer;
use crate::batches::Described;
use crate::bounded::bound_functions;
use crate::branches::{Branches, Change, Changed};
use crate::either::{self, EitherDatabases};
use crate::error::{Error, Result};
use crate::levels;
use crate::names::{Databases, Versions};
use crate::run::{Rows, Workers};
use crate::statement::{Statement, parse};
use crate::system::DiffFunction;
use crate::version::Version;
use crate::yields::PauseWhereRowsMultiply;

/// The name that a query may put before a database's.
const CATALOG: &str = "skep";

/// What queries may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The memory of all queries together. Nothing is written to disk instead.
    pub memory_bytes: usize,
    /// The most rows that [`Engine::query`] returns.
    pub rows_max: usize,
    /// The most memory that the rows of [`Engine::query`] take.
    pub answer_bytes_max: usize,
    /// A query that takes longer is stopped.
    pub time_ms: u64,
    /// How many threads a query may keep busy.
    pub parallel: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            memory_bytes: 512 << 20,
            rows_max: 10_000,
            answer_bytes_max: 64 << 20,
            time_ms: 300_000,
            parallel: std::thread::available_parallelism().map_or(2, usize::from),
        }
    }
}

/// A table for a query of our own.
#[derive(Debug)]
pub(crate) struct HandedIn {
    pub(crate) name: &'static str,
    pub(crate) table: Arc<dyn TableProvider>,
    /// Where its data lies.
    pub(crate) version: Arc<Version>,
}

/// Runs queries over the tables of any ref. Cloning is cheap, and clones share their memory limit and their threads.
#[derive(Debug, Clone)]
pub struct Engine {
    limits: Limits,
    memory: Arc<dyn MemoryPool>,
    workers: Arc<Workers>,
    branches: Option<Arc<dyn Branches>>,
}

impl Engine {
    /// Returns an engine with these limits.
    pub fn new(limits: Limits) -> Engine {
        Engine {
            limits,
            memory: Arc::new(GreedyMemoryPool::new(limits.memory_bytes)),
            workers: Arc::default(),
            branches: None,
        }
    }

    /// Returns an engine that also runs statements about branches, by `branches`.
    #[must_use]
    pub fn with_branches(self, branches: Arc<dyn Branches>) -> Engine {
        Engine {
            branches: Some(branches),
            ..self
        }
    }

    /// Returns the same engine with threads that no query of this one keeps busy.
    pub(crate) fn on_own_threads(self) -> Engine {
        Engine {
            workers: Arc::default(),
            ..self
        }
    }

    /// Returns the limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Runs a statement, and returns up to `rows_max` of its rows (or the engine's limit, if
    /// that is less). A name without a ref means `at`; all tables of a ref are seen as of one moment.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn query(
        &self,
        repository: &Repository,
        at: &RefExpr,
        sql: &str,
        rows_max: usize,
    ) -> Result<Answer> {
        let rows_max = rows_max.min(self.limits.rows_max);
        let mut rows = self.rows(repository, at, sql).await?;
        let mut page = rows.no_rows();
        while let Some(more) = rows.next().await? {
            page.append(more);
            if page.rows() > rows_max || page.bytes() > self.limits.answer_bytes_max {
                return Ok(Answer {
                    columns: rows.columns().to_vec(),
                    page: page.first(rows_max),
                    truncated: true,
                });
            }
        }
        Ok(Answer {
            columns: rows.columns().to_vec(),
            page,
            truncated: false,
        })
    }

    /// As [`Engine::query`], but returns all rows, piece by piece.
    ///
    /// # Errors
    /// As [`Engine::query`].
    pub async fn rows(&self, repository: &Repository, at: &RefExpr, sql: &str) -> Result<Rows> {
        self.rows_within(self.limits.time_ms, repository, at, sql).await
    }

    /// As [`Engine::rows`], with a time limit that is not the engine's.
    pub(crate) async fn rows_within(
        &self,
        time_ms: u64,
        repository: &Repository,
        at: &RefExpr,
        sql: &str,
    ) -> Result<Rows> {
        self.begin(Wanted::Rows, time_ms, repository, at, sql).await
    }

    /// Returns what a statement would answer with, which is planned for it and not run.
    ///
    /// # Errors
    /// As [`Engine::query`], as far as they show before there are rows.
    pub async fn describe(&self, repository: &Repository, at: &RefExpr, sql: &str) -> Result<Described> {
        let begun = self.begin(Wanted::Columns, self.limits.time_ms, repository, at, sql);
        Ok(Described {
            schema: begun.await?.schema_ref(),
            is_change: Change::parse(sql)?.is_some(),
        })
    }

    async fn begin(
        &self,
        wanted: Wanted,
        time_ms: u64,
        repository: &Repository,
        at: &RefExpr,
        sql: &str,
    ) -> Result<Rows> {
        let changed = match wanted {
            Wanted::Rows => self.changed(repository, at, sql).await?,
            Wanted::Columns => None,
        };
        let (engine, repository, at, sql) = (self.clone(), repository.clone(), at.clone(), sql.to_owned());
        // parsed there, too: what is nested deeply needs the large stack of those threads to be dropped again
        let start = async move {
            match changed {
                Some(changed) => engine.tell(changed).await.map_err(|error| engine.error(&error)),
                None => engine.start(wanted, &repository, &at, parse(&sql)?).await,
            }
        };
        let Limits {
            parallel,
            memory_bytes,
            ..
        } = self.limits;
        self.workers.run(parallel, time_ms, memory_bytes, start).await
    }

    /// Runs a query of our own over tables that are handed in under names of their own, in at most `time_ms`.
    pub(crate) async fn rows_over(&self, time_ms: u64, tables: Vec<HandedIn>, sql: String) -> Result<Rows> {
        let engine = self.clone();
        let start = async move {
            let started = engine.start_over(tables, &sql).await;
            started.map_err(|error| engine.error(&error))
        };
        let Limits {
            parallel,
            memory_bytes,
            ..
        } = self.limits;
        self.workers.run(parallel, time_ms, memory_bytes, start).await
    }

    async fn start_over(
        &self,
        tables: Vec<HandedIn>,
        sql: &str,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let runtime = self.runtime()?;
        let schema = Arc::new(MemorySchemaProvider::new());
        for HandedIn { name, table, version } in tables {
            runtime.register_object_store(version.url().as_ref(), version.store());
            schema.register_table(name.to_owned(), table)?;
        }
        let catalog = Arc::new(MemoryCatalogProvider::new());
        catalog.register_schema(DEFAULT_DATABASE, schema)?;
        let context = self.context(runtime)?;
        context.register_catalog(CATALOG, catalog);
        let parser = DFParserBuilder::new(sql).with_dialect(&GenericDialect {}).build();
        let parsed = parser.and_then(|mut parser| parser.parse_statement())?;
        plan_and_start(&context, parsed, Wanted::Rows).await
    }

    async fn start(
        &self,
        wanted: Wanted,
        repository: &Repository,
        at: &RefExpr,
        statement: Statement,
    ) -> Result<SendableRecordBatchStream> {
        let runtime = self.runtime().map_err(|error| self.error(&error))?;
        let versions = Arc::new(Versions::new(
            repository.clone(),
            at.clone(),
            Arc::clone(&runtime),
        ));
        let context = self.context(runtime).map_err(|error| self.error(&error))?;
        context.register_catalog(CATALOG, Arc::new(Databases(Arc::clone(&versions))));
        context.register_catalog(either::CATALOG, Arc::new(EitherDatabases(Arc::clone(&versions))));
        // not by the context itself, which owns the catalog
        let session = context.state_weak_ref();
        versions.plan_views_by(move || session.upgrade().map(|state| state.read().clone()));
        context.register_udtf("diff", Arc::new(DiffFunction(Arc::clone(&versions))));
        let started = match statement {
            Statement::Query(parsed) => {
                // of one that reads no table, too: who names a ref that is not there is told
                versions.database("").await?;
                plan_and_start(&context, *parsed, wanted).await
            }
            // what it makes is made before ([`Engine::changed`])
            Statement::Change => self
                .changing()
                .map(|_| no_rows(changed_schema()))
                .map_err(Into::into),
            Statement::Databases(like) => {
                let names = versions.database("").await?.1.databases().await?;
                list(&context, "database", names, like).await
            }
            Statement::Tables(database, like) => {
                let (database, version) = versions
                    .database(database.as_deref().unwrap_or(DEFAULT_DATABASE))
                    .await?;
                list(&context, "table", version.tables(database).await?, like).await
            }
        };
        started.map_err(|error| self.error(&error))
    }

    /// Makes the change that a statement is, if it is one. It takes as long as the checks of a merge do, and is made to
    /// its end though nobody waits for it any more: the limit of queries is none for it.
    async fn changed(&self, repository: &Repository, at: &RefExpr, sql: &str) -> Result<Option<Changed>> {
        let Some(change) = Change::parse(sql)? else {
            return Ok(None);
        };
        let branches = Arc::clone(self.changing()?);
        let (repository, at) = (repository.clone(), at.clone());
        let made = tokio::spawn(async move { branches.change(&repository, &at, &change).await });
        let made = made.await.map_err(|error| Error::Internal(error.to_string()))?;
        made.map(Some)
    }

    /// Answers with one row what became of a change.
    async fn tell(&self, changed: Changed) -> Result<SendableRecordBatchStream, DataFusionError> {
        let warnings = Some(changed.warnings.join("\n")).filter(|warnings| !warnings.is_empty());
        let values = [Some(changed.at), changed.commit, Some(changed.outcome), warnings];
        let columns = values.map(|value| Arc::new(StringArray::from(vec![value])) as ArrayRef);
        let batch = RecordBatch::try_new(changed_schema(), columns.to_vec())?;
        let context = self.context(self.runtime()?)?;
        context.read_batch(batch)?.execute_stream().await
    }

    fn changing(&self) -> Result<&Arc<dyn Branches>> {
        let statement = "a statement about branches".to_owned();
        self.branches.as_ref().ok_or(Error::Refused { statement })
    }

    /// Each query has an environment of its own, in which the names of stores are its own; the memory is shared.
    fn runtime(&self) -> Result<Arc<RuntimeEnv>, DataFusionError> {
        RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::clone(&self.memory))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .build_arc()
    }

    fn context(&self, runtime: Arc<RuntimeEnv>) -> Result<SessionContext, DataFusionError> {
        let mut config = SessionConfig::new()
            .with_default_catalog_and_schema(CATALOG, DEFAULT_DATABASE)
            .with_create_default_catalog_and_schema(false)
            .with_information_schema(false)
            .with_target_partitions(self.limits.parallel.max(1));
        // Spark writes timestamps of 96 bits, whose range nanoseconds do not hold
        config.options_mut().execution.parquet.coerce_int96 = Some("us".to_owned());
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_default_features()
            .with_optimizer_rules(levels::rules())
            .with_physical_optimizer_rule(Arc::new(PauseWhereRowsMultiply))
            .build();
        let mut context = SessionContext::new_with_state(state);
        bound_functions(&mut context, self.limits.memory_bytes)?;
        Ok(context)
    }

    fn error(&self, error: &DataFusionError) -> Error {
        Error::of(error, self.limits.memory_bytes)
    }
}

/// What a statement is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Rows,
    /// It is planned, and not run.
    Columns,
}

async fn plan_and_start(
    context: &SessionContext,
    parsed: Parsed,
    wanted: Wanted,
) -> Result<SendableRecordBatchStream, DataFusionError> {
    let plan = context.state().statement_to_plan(parsed).await?;
    let reading = SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false);
    reading.verify_plan(&plan)?;
    if let Some(name) = plan.get_parameter_names()?.into_iter().min() {
        let message = format!("parameters ({name}) are not taken: write the values into the statement");
        return Err(Error::Statement { message }.into());
    }
    let frame = context.execute_logical_plan(plan).await?;
    match wanted {
        Wanted::Rows => frame.execute_stream().await,
        Wanted::Columns => Ok(no_rows(frame.create_physical_plan().await?.schema())),
    }
}

fn no_rows(schema: SchemaRef) -> SendableRecordBatchStream {
    Box::pin(EmptyRecordBatchStream::new(schema))
}

/// The columns of the row with which a change answers.
fn changed_schema() -> SchemaRef {
    let fields = ["ref", "commit", "outcome", "warnings"].map(|name| Field::new(name, DataType::Utf8, true));
    Arc::new(Schema::new(fields.to_vec()))
}

/// Answers `SHOW`: the names that match the pattern of `LIKE`.
async fn list(
    context: &SessionContext,
    column: &str,
    names: Vec<String>,
    like: Option<String>,
) -> Result<SendableRecordBatchStream, DataFusionError> {
    use datafusion::prelude::{col, lit};
    let schema = Arc::new(Schema::new(vec![Field::new(column, DataType::Utf8, false)]));
    let names: ArrayRef = Arc::new(StringArray::from(names));
    let all = context.read_batch(RecordBatch::try_new(schema, vec![names])?)?;
    let matching = match like {
        None => all,
        Some(pattern) => all.filter(col(column).like(lit(pattern)))?,
    };
    matching.execute_stream().await
}
