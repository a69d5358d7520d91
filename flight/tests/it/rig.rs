//! A server on a port of its own, with an engine that knows a few words, and clients of it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray, StringViewArray};
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::{FlightInfo, Ticket};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use bytes::Bytes;
use flight::{Described, Fault, Flight, Rows, Statements};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use versioning::object::Object;
use versioning::refs::CommitMode;
use versioning::repository::CommitMessage;
use versioning::{Batch, Kind, RefExpr, RefName, Repository, RepositoryName, Space};

pub(crate) type Client = FlightSqlServiceClient<Channel>;

pub(crate) fn branch(text: &str) -> RefName {
    RefName::parse(text).unwrap()
}

/// The engine.
#[derive(Debug)]
struct Words {
    /// Grows by one when an endless statement has ended.
    ended: Arc<Semaphore>,
}

/// Tells of the end of a statement.
struct Ends(Arc<Semaphore>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

fn fault(kind: Kind, message: &str) -> Fault {
    let message = message.to_owned();
    Fault::Of { kind, message }
}

fn table(names: &[&str], rows: &[&[&str]]) -> RecordBatch {
    let columns = names.iter().enumerate().map(|(i, name)| {
        let values: StringArray = rows.iter().map(|row| Some(row[i])).collect();
        (*name, Arc::new(values) as ArrayRef)
    });
    RecordBatch::try_from_iter(columns).unwrap()
}

fn one(name: &str, values: impl Into<ArrayRef>) -> RecordBatch {
    RecordBatch::try_from_iter([(name, values.into())]).unwrap()
}

fn numbers(values: Vec<i32>) -> RecordBatch {
    one("n", Arc::new(Int32Array::from(values)) as ArrayRef)
}

impl Words {
    /// The rows of a statement, as far as they are made up beforehand.
    async fn found(&self, repository: &Repository, at: &RefExpr, sql: &str) -> Result<RecordBatch, Fault> {
        let text = |text: String| one("text", Arc::new(StringArray::from(vec![text])) as ArrayRef);
        Ok(match sql {
            "one" | "break" | "endless" => numbers(vec![1]),
            // more than one message holds
            "many" => numbers((0..2_000_000).collect()),
            "where" => text(format!("{}@{at}", repository.record().name)),
            // as many columns as there are objects
            "columns" => {
                let view = repository.view(at).await?;
                let mut objects = view.scan(Space::Objects, versioning::KeyRange::prefix(vec![]));
                let mut names = Vec::new();
                while let Some(entry) = objects.next().await? {
                    names.push(String::from_utf8_lossy(entry.key).into_owned());
                }
                let column = |name: String| (name, Arc::new(Int32Array::from(vec![0])) as ArrayRef);
                RecordBatch::try_from_iter(names.into_iter().map(column)).unwrap()
            }
            "views" => one(
                "text",
                Arc::new(StringViewArray::from(vec!["short", "a text that is long"])) as ArrayRef,
            ),
            "change" => text(format!("changed {at}")),
            "memory" => {
                return Err(Fault::OutOfMemory {
                    message: "too much".into(),
                });
            }
            "time" => {
                return Err(Fault::TooLong {
                    message: "too long".into(),
                });
            }
            "damage" => return Err(fault(Kind::Corrupt, "a file is damaged")),
            "select * from \"sales\".\"delta\" where false" => {
                return Err(fault(Kind::Invalid, "sales.delta is a table of Delta"));
            }
            sql if sql.starts_with("select * from \"sales\".") => numbers(vec![]),
            sql if sql.contains("information_schema.schemata") => {
                let other: &[&[&str]] = &[&["default"], &["sales"], &["only_on_etl"]];
                let rows = if at.to_string() == "etl" {
                    other
                } else {
                    &other[..2]
                };
                table(&["schema_name"], rows)
            }
            sql if sql.contains("information_schema.tables") => table(
                &["table_schema", "table_name", "table_type"],
                &[
                    &["sales", "orders", "BASE TABLE"],
                    &["sales", "delta", "BASE TABLE"],
                    &["sales", "big", "VIEW"],
                    &["default", "other", "BASE TABLE"],
                ],
            ),
            _ => {
                return Err(fault(
                    Kind::Invalid,
                    &format!("Expected: a word, found: {sql} at Line: 1"),
                ));
            }
        })
    }
}

#[async_trait]
impl Statements for Words {
    async fn describe(&self, repository: &Repository, at: &RefExpr, sql: &str) -> Result<Described, Fault> {
        Ok(Described {
            schema: self.found(repository, at, sql).await?.schema(),
            is_change: sql == "change",
        })
    }

    async fn rows(&self, repository: &Repository, at: &RefExpr, sql: &str) -> Result<Rows, Fault> {
        let batch = self.found(repository, at, sql).await?;
        let schema = batch.schema();
        let batches: BoxStream<'static, Result<RecordBatch, Fault>> = match sql {
            "break" => stream::iter([Ok(batch), Err(fault(Kind::Corrupt, "a file is damaged"))]).boxed(),
            "endless" => {
                let ends = Ends(Arc::clone(&self.ended));
                stream::repeat_with(move || {
                    let _held = &ends;
                    Ok(batch.clone())
                })
                .boxed()
            }
            _ => stream::iter([Ok(batch)]).boxed(),
        };
        Ok(Rows { schema, batches })
    }
}

/// The server, which stops when this is dropped.
pub(crate) struct Rig {
    pub(crate) repository: Repository,
    pub(crate) ended: Arc<Semaphore>,
    address: String,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Rig {
    /// A server with the repositories `lake`, which has the branches `main` and `etl`, and `other`.
    pub(crate) async fn new() -> Rig {
        let (repositories, repository) = testkit::repository(7).await.unwrap();
        let other = RepositoryName::parse("other").unwrap();
        repositories.create(&other, &branch("trunk")).await.unwrap();
        // commits are made by tests alone
        repository
            .create_branch(&branch("etl"), &branch("main").into(), CommitMode::Staged)
            .await
            .unwrap();
        let ended = Arc::new(Semaphore::new(0));
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", socket.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let flight = Flight {
            repositories,
            default: RepositoryName::parse("lake").unwrap(),
            statements: Arc::new(Words {
                ended: Arc::clone(&ended),
            }),
        };
        let served = tokio::spawn(flight::serve(socket, flight, async {
            // an error is the end of the test
            let _ = stopped.await;
        }));
        Rig {
            repository,
            ended,
            address,
            stop: Some(stop),
            served,
        }
    }

    pub(crate) async fn channel(&self) -> Channel {
        Endpoint::from_shared(self.address.clone())
            .unwrap()
            .connect()
            .await
            .unwrap()
    }

    /// A client that sends these headers.
    pub(crate) async fn client(&self, headers: &[(&str, &str)]) -> Client {
        let mut client = FlightSqlServiceClient::new(self.channel().await);
        for (name, value) in headers {
            client.set_header(*name, *value);
        }
        client
    }

    /// Writes an object to `etl`, which stages it.
    pub(crate) async fn stage(&self, path: &str) {
        let mut batch = Batch::default();
        let object = Object {
            etag: path.to_owned(),
            ..Object::default()
        };
        batch.put(Space::Objects, Bytes::from(path.to_owned()), object.encode());
        let plan = move |_| {
            let batch = batch.clone();
            async move { Ok::<_, versioning::Error>((batch, ())) }
        };
        self.repository.write(&branch("etl"), plan).await.unwrap();
    }

    pub(crate) async fn commit(&self) -> String {
        let words = CommitMessage::default();
        self.repository
            .commit(&branch("etl"), words)
            .await
            .unwrap()
            .to_string()
    }

    /// Stops the server, which has to end on its own.
    pub(crate) async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.served.await.unwrap().unwrap();
    }
}

pub(crate) fn ticket(info: &FlightInfo) -> Ticket {
    info.endpoint[0].ticket.clone().unwrap()
}

/// The batches of a flight, whose columns have to be those that it told beforehand.
pub(crate) async fn fetched(client: &mut Client, info: FlightInfo) -> Result<Vec<RecordBatch>, FlightError> {
    let stream = client.do_get(ticket(&info)).await?;
    let batches: Vec<RecordBatch> = stream.try_collect().await?;
    let told = Schema::try_from(info).unwrap();
    for batch in &batches {
        assert_eq!(*batch.schema(), told);
    }
    Ok(batches)
}

/// The texts of the first column of a statement.
pub(crate) async fn texts(client: &mut Client, sql: &str) -> Result<Vec<String>, FlightError> {
    let info = client.execute(sql.to_owned(), None).await?;
    let batches = fetched(client, info).await?;
    let column = |batch: &RecordBatch| batch.column(0).as_string::<i32>().clone();
    let all = batches.iter().map(column).collect::<Vec<_>>();
    Ok(all
        .iter()
        .flat_map(|array| array.iter().flatten().map(str::to_owned))
        .collect())
}

/// The code and the message of an error.
pub(crate) fn told(error: FlightError) -> (Code, String) {
    match error {
        FlightError::Tonic(status) => (status.code(), status.message().to_owned()),
        other => panic!("{other}"),
    }
}

pub(crate) fn schema(columns: &[(&str, DataType, bool)]) -> SchemaRef {
    let field = |(name, kind, nullable): &(&str, DataType, bool)| Field::new(*name, kind.clone(), *nullable);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}
