//! Databases.

use catalog::model::Database;
use catalog::names::Pattern;
use catalog::{DEFAULT_DATABASE, Error};
use futures::FutureExt;
use thrift_idl::methods::{
    AlterDatabase, AlterDatabaseArgs, AlterDatabaseReq, AlterDatabaseReqArgs, CreateDatabase,
    CreateDatabaseArgs, CreateDatabaseReq, CreateDatabaseReqArgs, DropDatabase, DropDatabaseArgs,
    DropDatabaseReq, DropDatabaseReqArgs, GetAllDatabases, GetDatabase, GetDatabaseArgs, GetDatabaseReq,
    GetDatabaseReqArgs, GetDatabases, GetDatabasesArgs, GetDatabasesReq, GetDatabasesReqArgs,
};
use thrift_idl::types::{self, GetDatabaseObjectsResponse};

use crate::catalogs::CatalogNotes;
use crate::complete::{blank_to_none, new_database};
use crate::context::Call;
use crate::convert::{Names, database_from, database_to};
use crate::exception::Failure;
use crate::registry::Routes;
use crate::route::Asked;
use crate::target::Target;

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<GetAllDatabases, _, _>(async |call, _| names(call, None).await)
        .serve::<GetDatabases, _, _>(async |call, args: GetDatabasesArgs| names(call, args.pattern).await)
        .serve::<GetDatabasesReq, _, _>(databases_req)
        .serve::<GetDatabase, _, _>(async |call, args: GetDatabaseArgs| get(call, args.name, None).await)
        .serve::<GetDatabaseReq, _, _>(get_req)
        .serve::<CreateDatabase, _, _>(async |call, args: CreateDatabaseArgs| {
            create(call, args.database.unwrap_or_default()).await
        })
        .serve::<CreateDatabaseReq, _, _>(create_req)
        .serve::<AlterDatabase, _, _>(async |call, args: AlterDatabaseArgs| {
            alter(call, args.dbname, args.db.unwrap_or_default()).await
        })
        .serve::<AlterDatabaseReq, _, _>(async |call, args: AlterDatabaseReqArgs| {
            let request = args.alter_db_req.unwrap_or_default();
            alter(call, request.old_db_name, request.new_db.unwrap_or_default()).await
        })
        .serve::<DropDatabase, _, _>(async |call, args: DropDatabaseArgs| {
            let flags = (
                args.delete_data.unwrap_or_default(),
                args.cascade.unwrap_or_default(),
            );
            let target = call.database(args.name.as_deref(), None).await?;
            drop(&call, target, flags).await
        })
        .serve::<DropDatabaseReq, _, _>(drop_req)
}

/// Returns the databases that match, each with the suffix that was asked with; none given is all.
async fn names(call: Call, pattern: Option<String>) -> Result<Vec<String>, Failure> {
    let asked = Asked::parse(pattern.as_deref(), None);
    let all = asked.database.is_none();
    let target = call.resolve(asked).await?;
    let pattern = if all {
        Pattern::all()
    } else {
        Pattern::parse(&target.database)
    };
    let found = target.snapshot().await?.databases(&pattern).await?;
    Ok(found
        .into_iter()
        .map(|name| format!("{name}{}", target.suffix()))
        .collect())
}

async fn databases_req(call: Call, args: GetDatabasesReqArgs) -> Result<GetDatabaseObjectsResponse, Failure> {
    let request = args.request.unwrap_or_default();
    let asked = Asked::parse(request.pattern.as_deref(), request.catalog_name.as_deref());
    let all = asked.database.is_none();
    let target = call.resolve(asked).await?;
    let pattern = if all {
        Pattern::all()
    } else {
        Pattern::parse(&target.database)
    };
    let snapshot = target.snapshot().await?;
    let mut databases = Vec::new();
    for name in snapshot.databases(&pattern).await? {
        let database = snapshot.database(&name).await?;
        let names = Names {
            database: format!("{name}{}", target.suffix()),
            ..target.names.clone()
        };
        databases.push(database_to(&database, &names, &database.place()));
    }
    Ok(GetDatabaseObjectsResponse {
        databases: Some(databases),
    })
}

async fn get(call: Call, name: Option<String>, catalog: Option<String>) -> Result<types::Database, Failure> {
    let target = call.database(name.as_deref(), catalog.as_deref()).await?;
    let database = target.snapshot().await?.database(&target.database).await?;
    Ok(database_to(&database, &target.names, &database.place()))
}

async fn get_req(call: Call, args: GetDatabaseReqArgs) -> Result<types::Database, Failure> {
    let request = args.request.unwrap_or_default();
    get(call, request.name, request.catalog_name).await
}

async fn create(call: Call, mut wire: types::Database) -> Result<(), Failure> {
    let target = call
        .database(wire.name.as_deref(), wire.catalog_name.as_deref())
        .await?;
    new_database(&mut wire, call.session.user());
    let database = database_from(wire, &target.database, &target.names.locator)?;
    target
        .write(database, |draft, database: &Database| {
            async move {
                let made = draft.create_database(database.clone()).await?;
                Ok(draft.make_folders([made.place()]).await?)
            }
            .boxed()
        })
        .await
}

async fn create_req(call: Call, args: CreateDatabaseReqArgs) -> Result<(), Failure> {
    let request = args.create_database_request.unwrap_or_default();
    let database = types::Database {
        name: request.database_name,
        description: request.description,
        location_uri: request.location_uri,
        parameters: request.parameters,
        privileges: request.privileges,
        owner_name: request.owner_name,
        owner_type: request.owner_type,
        catalog_name: request.catalog_name,
        create_time: request.create_time,
        managed_location_uri: request.managed_location_uri,
        r#type: request.r#type,
        connector_name: request.data_connector_name,
        remote_dbname: request.remote_dbname,
    };
    create(call, database).await
}

/// Changes a database. A location that is left out stays.
async fn alter(call: Call, name: Option<String>, mut wire: types::Database) -> Result<(), Failure> {
    let target = call
        .database(name.as_deref(), wire.catalog_name.as_deref())
        .await?;
    blank_to_none(&mut wire.location_uri);
    let stays = wire.location_uri.is_none();
    let database = database_from(wire, &target.database, &target.names.locator)?;
    target
        .write((database, stays), |draft, (database, stays)| {
            async move {
                let mut database = database.clone();
                let before = draft.database(&database.name).await?;
                database.description = database.description.or(before.description);
                database.owner_kind = database.owner_kind.or(before.owner_kind);
                database.parameters.get_or_insert_default();
                if *stays {
                    database.location = before.location;
                }
                let name = database.name.clone();
                Ok(draft.alter_database(&name, database).await.map(std::mem::drop)?)
            }
            .boxed()
        })
        .await
}

/// Drops a database. The `default` of a repository cannot be dropped; that of one that was made as a Hive catalog is
/// emptied, unless it is what the listener calls `hive`.
async fn drop(call: &Call, target: Target, flags: (bool, bool)) -> Result<(), Failure> {
    let name = target.database.clone();
    let repository = target.catalog.repository();
    let is_of_hive = repository.record().name == call.context.listener.repository;
    let resets =
        name == DEFAULT_DATABASE && !is_of_hive && CatalogNotes::read(repository).await?.is_made_by_client();
    target
        .write(
            (name, flags, resets),
            |draft, (name, (delete_data, cascade), resets)| {
                async move {
                    if *resets {
                        draft.reset_default_database(*delete_data, *cascade).await?;
                    } else {
                        draft.drop_database(name, *delete_data, *cascade).await?;
                    }
                    Ok(())
                }
                .boxed()
            },
        )
        .await
}

async fn drop_req(call: Call, args: DropDatabaseReqArgs) -> Result<(), Failure> {
    let request = args.req.unwrap_or_default();
    let target = call
        .database(request.name.as_deref(), request.catalog_name.as_deref())
        .await?;
    let flags = (
        request.delete_data.unwrap_or_default(),
        request.cascade.unwrap_or_default(),
    );
    match drop(&call, target, flags).await {
        Err(Failure::Catalog(Error::NoSuchDatabase { .. })) if request.ignore_unknown_db == Some(true) => {
            Ok(())
        }
        other => other,
    }
}
