//! The calls of Flight SQL: each finds its place, hands its statement on, and turns the answer into messages.

use std::pin::Pin;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::metadata::XdbcTypeInfoDataBuilder;
use arrow_flight::sql::server::{DoPutError, FlightSqlService, PeekableFlightDataStream};
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult, Any, Command, CommandGetCatalogs, CommandGetCrossReference,
    CommandGetDbSchemas, CommandGetExportedKeys, CommandGetImportedKeys, CommandGetPrimaryKeys,
    CommandGetSqlInfo, CommandGetTableTypes, CommandGetTables, CommandGetXdbcTypeInfo,
    CommandPreparedStatementQuery, CommandPreparedStatementUpdate, CommandStatementQuery,
    CommandStatementUpdate, DoPutPreparedStatementResult, ProstMessageExt, SqlInfo, TicketStatementQuery,
};
use arrow_flight::{
    Action, FlightDescriptor, FlightEndpoint, FlightInfo, HandshakeRequest, HandshakeResponse, IpcMessage,
    SchemaAsIpc, Ticket as Sent,
};
use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt, future};
use prost::Message;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Request, Response, Status, Streaming};
use versioning::{Repositories, RepositoryName};

use crate::info::info;
use crate::lists::{CATALOG, Lists, TABLE, VIEW};
use crate::place::Place;
use crate::plain::{plain_batch, plain_schema};
use crate::ticket::{Ticket, columns};
use crate::{Fault, Statements, keys};

/// What the service works on.
#[derive(Debug, Clone)]
pub struct Flight {
    pub repositories: Repositories,
    /// The repository of a call that names none.
    pub default: RepositoryName,
    pub statements: Arc<dyn Statements>,
}

/// The token that a handshake gives: there are no users, and nobody asks for it.
const ANYONE: &str = "Bearer anyone";

#[derive(Debug, Clone)]
pub(crate) struct Service(pub(crate) Flight);

type Answer<T> = Result<Response<T>, Status>;
type Data = <Service as FlightService>::DoGetStream;

impl Service {
    async fn place(&self, headers: &MetadataMap) -> Result<Place, Fault> {
        Place::of(&self.0.repositories, &self.0.default, headers).await
    }

    async fn lists(&self, headers: &MetadataMap) -> Result<Lists<'_>, Fault> {
        Ok(Lists {
            statements: self.0.statements.as_ref(),
            place: self.place(headers).await?,
        })
    }

    /// Plans a statement, and says by which ticket its rows are to be had.
    async fn plan(&self, place: Place, sql: String, of: FlightDescriptor) -> Answer<FlightInfo> {
        let at = place.pinned().await?;
        let statements = &self.0.statements;
        let described = statements.describe(&place.repository, &at, &sql).await?;
        // a change is made to the ref, whatever it shows
        let at = if described.is_change { place.at } else { at };
        let schema = plain_schema(&described.schema);
        let name = &place.repository.record().name;
        let ticket = Ticket::new(name, &at, sql, Some(columns(&schema)));
        let ticket = TicketStatementQuery {
            statement_handle: ticket.to_bytes()?,
        };
        told(&schema, &ticket, of)
    }

    /// Runs a statement.
    async fn rows(&self, ticket: Ticket) -> Answer<Data> {
        let place = Place::named(&self.0.repositories, &ticket.repository, &ticket.at).await?;
        let statements = &self.0.statements;
        let rows = statements.rows(&place.repository, &place.at, &ticket.sql).await?;
        let schema = plain_schema(&rows.schema);
        if ticket.columns.is_some_and(|planned| planned != columns(&schema)) {
            return Err(Fault::Changed.into());
        }
        let plain = Arc::clone(&schema);
        let batches = rows.batches.map(move |batch| Ok(plain_batch(&batch?, &plain)?));
        Ok(sent(schema, batches))
    }

    /// Makes a change, and returns how many rows it changed, of which it has none.
    async fn change(&self, place: &Place, sql: &str) -> Result<i64, Status> {
        let statements = &self.0.statements;
        let described = statements.describe(&place.repository, &place.at, sql).await?;
        if !described.is_change {
            return Err(Fault::invalid("this statement changes nothing: run it as a query").into());
        }
        let rows = statements.rows(&place.repository, &place.at, sql).await?;
        rows.batches.try_for_each(|_| future::ok(())).await?;
        Ok(0)
    }

    async fn prepared(&self, handle: &[u8]) -> Result<(Place, String), Fault> {
        let Ticket {
            repository, at, sql, ..
        } = Ticket::parse(handle)?;
        Ok((Place::named(&self.0.repositories, &repository, &at).await?, sql))
    }
}

#[async_trait]
impl FlightSqlService for Service {
    type FlightService = Service;

    /// Answers clients that want to come in by name and password, which are not looked at, as nobody's are by REST.
    async fn do_handshake(
        &self,
        _: Request<Streaming<HandshakeRequest>>,
    ) -> Answer<Pin<Box<dyn Stream<Item = Result<HandshakeResponse, Status>> + Send>>> {
        let answer = HandshakeResponse {
            protocol_version: 0,
            payload: Bytes::from_static(ANYONE.as_bytes()),
        };
        let answers: BoxStream<'static, _> = stream::iter([Ok(answer)]).boxed();
        let mut response = Response::new(answers);
        let token = MetadataValue::from_static(ANYONE);
        response.metadata_mut().insert("authorization", token);
        Ok(response)
    }

    async fn get_flight_info_statement(
        &self,
        query: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Answer<FlightInfo> {
        no_transaction(query.transaction_id.as_ref())?;
        let place = self.place(request.metadata()).await?;
        let planned = self.plan(place, query.query, request.into_inner());
        counted("plan", planned.await)
    }

    async fn get_flight_info_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Answer<FlightInfo> {
        let (place, sql) = self.prepared(&query.prepared_statement_handle).await?;
        counted("plan", self.plan(place, sql, request.into_inner()).await)
    }

    async fn do_get_statement(&self, ticket: TicketStatementQuery, _: Request<Sent>) -> Answer<Data> {
        let ticket = Ticket::parse(&ticket.statement_handle)?;
        counted("rows", self.rows(ticket).await)
    }

    async fn do_put_statement_update(
        &self,
        update: CommandStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        no_transaction(update.transaction_id.as_ref())?;
        let place = self.place(request.metadata()).await?;
        counted("change", self.change(&place, &update.query).await)
    }

    async fn do_put_prepared_statement_update(
        &self,
        update: CommandPreparedStatementUpdate,
        _: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        let (place, sql) = self.prepared(&update.prepared_statement_handle).await?;
        counted("change", self.change(&place, &sql).await)
    }

    async fn do_put_prepared_statement_query(
        &self,
        _: CommandPreparedStatementQuery,
        _: Request<PeekableFlightDataStream>,
    ) -> Result<DoPutPreparedStatementResult, Status> {
        let message = "parameters are not taken: write the values into the statement";
        Err(Fault::invalid(message).into())
    }

    async fn do_action_create_prepared_statement(
        &self,
        query: ActionCreatePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        no_transaction(query.transaction_id.as_ref())?;
        let place = self.place(request.metadata()).await?;
        let statements = &self.0.statements;
        let described = statements
            .describe(&place.repository, &place.at, &query.query)
            .await?;
        let name = &place.repository.record().name;
        let handle = Ticket::new(name, &place.at, query.query, None).to_bytes()?;
        let schema = plain_schema(&described.schema);
        let options = Default::default();
        let schema = SchemaAsIpc::new(&schema, &options);
        let IpcMessage(dataset_schema) = IpcMessage::try_from(schema).map_err(Fault::from)?;
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle: handle,
            dataset_schema,
            parameter_schema: Bytes::new(),
        })
    }

    /// A prepared statement is its handle: nothing is kept that could be closed.
    async fn do_action_close_prepared_statement(
        &self,
        _: ActionClosePreparedStatementRequest,
        _: Request<Action>,
    ) -> Result<(), Status> {
        Ok(())
    }

    async fn get_flight_info_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<FlightDescriptor>,
    ) -> Answer<FlightInfo> {
        told(&query.into_builder().schema(), &query, request.into_inner())
    }

    async fn do_get_catalogs(&self, query: CommandGetCatalogs, _: Request<Sent>) -> Answer<Data> {
        let mut list = query.into_builder();
        list.append(CATALOG);
        listed(list.build().map_err(Fault::from)?)
    }

    async fn get_flight_info_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<FlightDescriptor>,
    ) -> Answer<FlightInfo> {
        let schema = query.clone().into_builder().schema();
        told(&schema, &query, request.into_inner())
    }

    async fn do_get_schemas(&self, query: CommandGetDbSchemas, request: Request<Sent>) -> Answer<Data> {
        listed(self.lists(request.metadata()).await?.databases(query).await?)
    }

    async fn get_flight_info_tables(
        &self,
        query: CommandGetTables,
        request: Request<FlightDescriptor>,
    ) -> Answer<FlightInfo> {
        let schema = query.clone().into_builder().schema();
        told(&schema, &query, request.into_inner())
    }

    async fn do_get_tables(&self, query: CommandGetTables, request: Request<Sent>) -> Answer<Data> {
        listed(self.lists(request.metadata()).await?.tables(query).await?)
    }

    async fn get_flight_info_table_types(
        &self,
        query: CommandGetTableTypes,
        request: Request<FlightDescriptor>,
    ) -> Answer<FlightInfo> {
        told(&query.into_builder().schema(), &query, request.into_inner())
    }

    async fn do_get_table_types(&self, query: CommandGetTableTypes, _: Request<Sent>) -> Answer<Data> {
        let mut list = query.into_builder();
        list.append(TABLE);
        list.append(VIEW);
        listed(list.build().map_err(Fault::from)?)
    }

    async fn get_flight_info_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<FlightDescriptor>,
    ) -> Answer<FlightInfo> {
        told(&info()?.schema(), &query, request.into_inner())
    }

    async fn do_get_sql_info(&self, query: CommandGetSqlInfo, _: Request<Sent>) -> Answer<Data> {
        listed(query.into_builder(&info()?).build().map_err(Fault::from)?)
    }

    async fn get_flight_info_xdbc_type_info(
        &self,
        query: CommandGetXdbcTypeInfo,
        request: Request<FlightDescriptor>,
    ) -> Answer<FlightInfo> {
        let types = XdbcTypeInfoDataBuilder::new().build().map_err(Fault::from)?;
        told(&query.into_builder(&types).schema(), &query, request.into_inner())
    }

    async fn do_get_xdbc_type_info(&self, query: CommandGetXdbcTypeInfo, _: Request<Sent>) -> Answer<Data> {
        let types = XdbcTypeInfoDataBuilder::new().build().map_err(Fault::from)?;
        listed(query.into_builder(&types).build().map_err(Fault::from)?)
    }

    async fn get_flight_info_primary_keys(
        &self,
        query: CommandGetPrimaryKeys,
        request: Request<FlightDescriptor>,
    ) -> Answer<FlightInfo> {
        told(&keys::primary(), &query, request.into_inner())
    }

    async fn do_get_primary_keys(&self, _: CommandGetPrimaryKeys, _: Request<Sent>) -> Answer<Data> {
        listed(RecordBatch::new_empty(keys::primary()))
    }

    async fn get_flight_info_exported_keys(
        &self,
        query: CommandGetExportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Answer<FlightInfo> {
        told(&keys::foreign(), &query, request.into_inner())
    }

    async fn do_get_exported_keys(&self, _: CommandGetExportedKeys, _: Request<Sent>) -> Answer<Data> {
        listed(RecordBatch::new_empty(keys::foreign()))
    }

    async fn get_flight_info_imported_keys(
        &self,
        query: CommandGetImportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Answer<FlightInfo> {
        told(&keys::foreign(), &query, request.into_inner())
    }

    async fn do_get_imported_keys(&self, _: CommandGetImportedKeys, _: Request<Sent>) -> Answer<Data> {
        listed(RecordBatch::new_empty(keys::foreign()))
    }

    async fn get_flight_info_cross_reference(
        &self,
        query: CommandGetCrossReference,
        request: Request<FlightDescriptor>,
    ) -> Answer<FlightInfo> {
        told(&keys::foreign(), &query, request.into_inner())
    }

    async fn do_get_cross_reference(&self, _: CommandGetCrossReference, _: Request<Sent>) -> Answer<Data> {
        listed(RecordBatch::new_empty(keys::foreign()))
    }

    async fn get_flight_info_fallback(&self, _: Command, _: Request<FlightDescriptor>) -> Answer<FlightInfo> {
        Err(not_served("this kind of flight is"))
    }

    async fn do_get_fallback(&self, _: Request<Sent>, _: Any) -> Answer<Data> {
        Err(not_served("this kind of ticket is"))
    }

    async fn do_put_fallback(
        &self,
        _: Request<PeekableFlightDataStream>,
        _: Any,
    ) -> Answer<<Service as FlightService>::DoPutStream> {
        Err(not_served("putting rows is"))
    }

    async fn do_put_error_callback(
        &self,
        _: Request<PeekableFlightDataStream>,
        error: DoPutError,
    ) -> Answer<<Service as FlightService>::DoPutStream> {
        Err(Fault::invalid(error.to_string()).into())
    }

    async fn do_action_fallback(
        &self,
        _: Request<Action>,
    ) -> Answer<<Service as FlightService>::DoActionStream> {
        Err(not_served("this action is"))
    }

    async fn register_sql_info(&self, _: i32, _: &SqlInfo) {}
}

/// Counts calls by their codes.
fn counted<T>(call: &'static str, answer: Result<T, Status>) -> Result<T, Status> {
    let code = answer.as_ref().map_or_else(Status::code, |_| Code::Ok);
    metrics::counter!("skep_flight_calls", "call" => call, "code" => format!("{code:?}")).increment(1);
    answer
}

fn not_served(what: &'static str) -> Status {
    Fault::NotServed { what }.into()
}

fn no_transaction(id: Option<&Bytes>) -> Result<(), Fault> {
    match id {
        None => Ok(()),
        Some(_) => Err(Fault::NotServed {
            what: "transactions are",
        }),
    }
}

/// Tells the columns of an answer, and by which ticket its rows are to be had.
fn told(schema: &Schema, ticket: &impl ProstMessageExt, of: FlightDescriptor) -> Answer<FlightInfo> {
    let ticket = Sent::new(ticket.as_any().encode_to_vec());
    let info = FlightInfo::new().try_with_schema(schema).map_err(Fault::from)?;
    let endpoint = FlightEndpoint::new().with_ticket(ticket);
    Ok(Response::new(info.with_endpoint(endpoint).with_descriptor(of)))
}

fn listed(batch: RecordBatch) -> Answer<Data> {
    Ok(sent(batch.schema(), stream::iter([Ok(batch)])))
}

/// Sends rows as they come. What goes wrong ends the stream, so that nobody takes it for whole.
fn sent(
    schema: SchemaRef,
    batches: impl Stream<Item = Result<RecordBatch, Fault>> + Send + 'static,
) -> Response<Data> {
    let batches = batches.map_err(|fault| {
        tracing::warn!(%fault, "a statement failed while its rows were sent");
        FlightError::from(Status::from(fault))
    });
    let messages = FlightDataEncoderBuilder::new().with_schema(schema).build(batches);
    Response::new(messages.map_err(Status::from).boxed())
}
