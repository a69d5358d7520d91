//! The schema registry.

use catalog::model::{RegisteredSchema, SchemaVersion};
use catalog::{Draft, VersionPlace};
use futures::FutureExt;
use futures::future::BoxFuture;
use thrift_idl::methods::{
    AddSchemaVersion, AddSchemaVersionArgs, AddSerde, AddSerdeArgs, AlterIschema, AlterIschemaArgs,
    CreateIschema, CreateIschemaArgs, CreateType, CreateTypeArgs, DropIschema, DropIschemaArgs,
    DropSchemaVersion, DropSchemaVersionArgs, DropType, DropTypeArgs, GetIschema, GetIschemaArgs,
    GetSchemaAllVersions, GetSchemaAllVersionsArgs, GetSchemaLatestVersion, GetSchemaLatestVersionArgs,
    GetSchemaVersion, GetSchemaVersionArgs, GetSchemasByCols, GetSchemasByColsArgs, GetSerde, GetSerdeArgs,
    GetType, GetTypeAll, GetTypeArgs, MapSchemaVersionToSerde, MapSchemaVersionToSerdeArgs,
    SetSchemaVersionState, SetSchemaVersionStateArgs,
};
use thrift_idl::types::{
    self, FindSchemasByColsResp, FindSchemasByColsRqst, ISchema, ISchemaName, SchemaVersionDescriptor,
    SerDeInfo,
};

use crate::context::Call;
use crate::convert::{
    schema_from, schema_to, serde_from, serde_to, type_from, type_to, version_from, version_to,
};
use crate::exception::{Class, Failure};
use crate::registry::Routes;
use crate::route::Asked;
use crate::target::Target;

pub(super) fn routes() -> Routes {
    schemas().and(versions()).and(serdes()).and(types_by_name())
}

fn schemas() -> Routes {
    Routes::default()
        .serve::<CreateIschema, _, _>(create)
        .serve::<AlterIschema, _, _>(async |call, args: AlterIschemaArgs| {
            let request = args.rqst.unwrap_or_default();
            let schema = schema_from(request.new_schema.unwrap_or_default());
            change(call, request.name, schema, |draft, (database, name), schema| {
                async move { Ok(draft.alter_schema(database, name, schema.clone()).await?) }.boxed()
            })
            .await
        })
        .serve::<DropIschema, _, _>(async |call, args: DropIschemaArgs| {
            change(call, args.name, (), |draft, (database, name), ()| {
                async move { Ok(draft.drop_schema(database, name).await?) }.boxed()
            })
            .await
        })
        .serve::<GetIschema, _, _>(get)
}

fn versions() -> Routes {
    Routes::default()
        .serve::<AddSchemaVersion, _, _>(async |call, args: AddSchemaVersionArgs| {
            let mut wire = args.schema_version.unwrap_or_default();
            let name = wire.schema.take();
            change(
                call,
                name,
                version_from(wire),
                |draft, (database, name), version| {
                    async move { Ok(draft.add_schema_version(database, name, version.clone()).await?) }
                        .boxed()
                },
            )
            .await
        })
        .serve::<DropSchemaVersion, _, _>(async |call, args: DropSchemaVersionArgs| {
            let (name, version) = described(args.schema_version);
            change(call, name, version, |draft, (database, name), version| {
                async move { Ok(draft.drop_schema_version(database, name, *version).await?) }.boxed()
            })
            .await
        })
        .serve::<SetSchemaVersionState, _, _>(async |call, args: SetSchemaVersionStateArgs| {
            let request = args.rqst.unwrap_or_default();
            let (name, version) = described(request.schema_version);
            let state = request.state.map(|state| state.0);
            change(
                call,
                name,
                (version, state),
                |draft, (database, name), (version, state)| {
                    async move {
                        let set = |found: &mut SchemaVersion| found.state = *state;
                        Ok(draft.alter_schema_version(database, name, *version, set).await?)
                    }
                    .boxed()
                },
            )
            .await
        })
        .serve::<MapSchemaVersionToSerde, _, _>(async |call, args: MapSchemaVersionToSerdeArgs| {
            let request = args.rqst.unwrap_or_default();
            let (name, version) = described(request.schema_version);
            let serde = request.serde_name.unwrap_or_default();
            // those of the listener's own repository are known to all, as serdes of the original are
            let own = call.resolve(Asked::parse(None, None)).await?.snapshot().await?;
            let own = own.serde(&serde).await.ok();
            change(
                call,
                name,
                (version, serde, own),
                |draft, (database, name), (version, serde, own)| {
                    async move {
                        draft.schema_version(database, name, *version).await?;
                        let serde = match (draft.serde(serde).await, own) {
                            (Err(_), Some(own)) => own.clone(),
                            (found, _) => found?,
                        };
                        let set = |found: &mut SchemaVersion| found.serde = Some(serde);
                        Ok(draft.alter_schema_version(database, name, *version, set).await?)
                    }
                    .boxed()
                },
            )
            .await
        })
        .serve::<GetSchemaVersion, _, _>(async |call, args: GetSchemaVersionArgs| {
            let (name, version) = described(args.schema_version);
            let seen = see(&call, name).await?;
            let snapshot = seen.target.snapshot().await?;
            let found = snapshot
                .schema_version(&seen.target.database, &seen.name, version)
                .await?;
            Ok(version_to(&found, seen.place()))
        })
        .serve::<GetSchemaLatestVersion, _, _>(async |call, args: GetSchemaLatestVersionArgs| {
            let mut all = all_versions(&call, args.schema_name).await?;
            all.pop().ok_or_else(no_versions)
        })
        .serve::<GetSchemaAllVersions, _, _>(async |call, args: GetSchemaAllVersionsArgs| {
            let all = all_versions(&call, args.schema_name).await?;
            if all.is_empty() {
                Err(no_versions())
            } else {
                Ok(all)
            }
        })
        .serve::<GetSchemasByCols, _, _>(by_columns)
}

fn serdes() -> Routes {
    Routes::default()
        .serve::<AddSerde, _, _>(async |call: Call, args: AddSerdeArgs| {
            let target = call.resolve(Asked::parse(None, None)).await?;
            let serde = serde_from(args.serde.unwrap_or_default());
            target
                .write(serde, |draft, serde| {
                    async move { Ok(draft.register_serde(serde.clone()).await?) }.boxed()
                })
                .await
        })
        .serve::<GetSerde, _, _>(
            async |call: Call, args: GetSerdeArgs| -> Result<SerDeInfo, Failure> {
                let target = call.resolve(Asked::parse(None, None)).await?;
                let name = args.rqst.unwrap_or_default().serde_name.unwrap_or_default();
                Ok(serde_to(&target.snapshot().await?.serde(&name).await?))
            },
        )
}

/// Types of the original's first years, which only its own tests still keep.
fn types_by_name() -> Routes {
    Routes::default()
        .serve::<CreateType, _, _>(async |call: Call, args: CreateTypeArgs| {
            let target = call.resolve(Asked::parse(None, None)).await?;
            let wire = args.r#type.unwrap_or_default();
            target
                .write(type_from(wire), |draft, registered| {
                    async move {
                        draft.register_type(registered.clone()).await?;
                        Ok(true)
                    }
                    .boxed()
                })
                .await
        })
        .serve::<DropType, _, _>(async |call: Call, args: DropTypeArgs| {
            let target = call.resolve(Asked::parse(None, None)).await?;
            target
                .write(args.r#type.unwrap_or_default(), |draft, name| {
                    async move {
                        draft.forget_type(name);
                        Ok(true)
                    }
                    .boxed()
                })
                .await
        })
        .serve::<GetType, _, _>(async |call: Call, args: GetTypeArgs| {
            let target = call.resolve(Asked::parse(None, None)).await?;
            let name = args.name.unwrap_or_default();
            Ok(type_to(target.snapshot().await?.registered_type(&name).await?))
        })
        .serve::<GetTypeAll, _, _>(async |_, _| Err(Failure::meta("Not yet implemented")))
}

/// A schema as a client names it.
struct Seen {
    target: Target,
    name: String,
}

impl Seen {
    fn place(&self) -> ISchemaName {
        ISchemaName {
            cat_name: Some(self.target.names.catalog.clone()),
            db_name: Some(self.target.names.database.clone()),
            schema_name: Some(self.name.to_lowercase()),
        }
    }
}

async fn see(call: &Call, name: Option<ISchemaName>) -> Result<Seen, Failure> {
    let name = name.unwrap_or_default();
    let target = call
        .database(name.db_name.as_deref(), name.cat_name.as_deref())
        .await?;
    Ok(Seen {
        target,
        name: name.schema_name.unwrap_or_default(),
    })
}

fn described(descriptor: Option<SchemaVersionDescriptor>) -> (Option<ISchemaName>, i32) {
    let descriptor = descriptor.unwrap_or_default();
    (descriptor.schema, descriptor.version.unwrap_or_default())
}

fn no_versions() -> Failure {
    Failure::As(&[Class::NoSuchObject], "the schema has no versions".into())
}

/// A change of a schema: it gets the database, the schema's name, and what to change.
type Plan<I> = for<'a> fn(&'a mut Draft, (&'a str, &'a str), &'a I) -> BoxFuture<'a, Result<(), Failure>>;

/// Changes what a schema's name says, by `plan`, which gets its database, its name, and `what`.
async fn change<I: Send + Sync + 'static>(
    call: Call,
    name: Option<ISchemaName>,
    what: I,
    plan: Plan<I>,
) -> Result<(), Failure> {
    let seen = see(&call, name).await?;
    let input = (seen.target.database.clone(), seen.name, what, plan);
    seen.target
        .write(input, |draft, (database, name, what, plan)| {
            plan(draft, (database, name), what)
        })
        .await
}

async fn create(call: Call, args: CreateIschemaArgs) -> Result<(), Failure> {
    let wire = args.schema.unwrap_or_default();
    let target = call
        .database(wire.db_name.as_deref(), wire.cat_name.as_deref())
        .await?;
    let input = (target.database.clone(), schema_from(wire));
    target
        .write(input, |draft, (database, schema): &(String, RegisteredSchema)| {
            async move { Ok(draft.register_schema(database, schema.clone()).await?) }.boxed()
        })
        .await
}

async fn get(call: Call, args: GetIschemaArgs) -> Result<ISchema, Failure> {
    let seen = see(&call, args.name).await?;
    let snapshot = seen.target.snapshot().await?;
    let (_, schema) = snapshot.schema(&seen.target.database, &seen.name).await?;
    Ok(schema_to(schema, seen.place()))
}

async fn all_versions(call: &Call, name: Option<ISchemaName>) -> Result<Vec<types::SchemaVersion>, Failure> {
    let seen = see(call, name).await?;
    let snapshot = seen.target.snapshot().await?;
    let (database, schema) = snapshot.schema(&seen.target.database, &seen.name).await?;
    let found = snapshot.schema_versions(database, &schema.name).await?;
    Ok(found
        .iter()
        .map(|version| version_to(version, seen.place()))
        .collect())
}

/// Answers with the versions that have a column of that name, type and comment, each as far as it is asked for.
async fn by_columns(call: Call, args: GetSchemasByColsArgs) -> Result<FindSchemasByColsResp, Failure> {
    let request = args.rqst.unwrap_or_default();
    if request.col_name.is_none() && request.col_namespace.is_none() {
        let text = "the name of a column or its namespace has to be given to find schemas by";
        return Err(Failure::meta(text));
    }
    let target = call.resolve(Asked::parse(None, None)).await?;
    let snapshot = target.snapshot().await?;
    let mut found = Vec::new();
    for (place, version) in snapshot.all_schema_versions().await? {
        if !has_column(&version, &request) {
            continue;
        }
        let VersionPlace {
            database,
            schema,
            version,
        } = place;
        let database = snapshot.find_database_by_id(database).await?;
        found.extend(database.map(|database| SchemaVersionDescriptor {
            schema: Some(ISchemaName {
                cat_name: Some(target.names.catalog.clone()),
                db_name: Some(database.name),
                schema_name: Some(schema),
            }),
            version: Some(version),
        }));
    }
    Ok(FindSchemasByColsResp {
        schema_versions: Some(found),
    })
}

fn has_column(version: &SchemaVersion, asked: &FindSchemasByColsRqst) -> bool {
    let fits = |asked: &Option<String>, found: Option<&str>| {
        asked
            .as_deref()
            .is_none_or(|asked| found.is_some_and(|found| found.eq_ignore_ascii_case(asked)))
    };
    version.columns.iter().flatten().any(|column| {
        fits(&asked.col_name, Some(&column.name))
            && fits(&asked.r#type, Some(&column.type_name))
            && fits(&asked.col_namespace, column.comment.as_deref())
    })
}
