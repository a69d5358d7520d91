//! Functions.

use catalog::Error;
use catalog::model::Function;
use catalog::names::Pattern;
use futures::FutureExt;
use thrift_idl::methods::{
    AlterFunction, AlterFunctionArgs, CreateFunction, CreateFunctionArgs, DropFunction, DropFunctionArgs,
    GetAllFunctions, GetFunction, GetFunctionArgs, GetFunctions, GetFunctionsArgs, GetFunctionsReq,
    GetFunctionsReqArgs,
};
use thrift_idl::types::{self, GetAllFunctionsResponse, GetFunctionsResponse};

use crate::complete::new_function;
use crate::context::Call;
use crate::convert::{Names, function_from, function_to};
use crate::exception::{Class, Failure};
use crate::registry::Routes;
use crate::route::Asked;

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<GetFunction, _, _>(get)
        .serve::<GetFunctions, _, _>(names)
        .serve::<GetFunctionsReq, _, _>(functions_req)
        .serve::<GetAllFunctions, _, _>(all)
        .serve::<CreateFunction, _, _>(create)
        .serve::<AlterFunction, _, _>(alter)
        .serve::<DropFunction, _, _>(drop)
}

async fn get(call: Call, args: GetFunctionArgs) -> Result<types::Function, Failure> {
    let target = call.database(args.db_name.as_deref(), None).await?;
    let name = args
        .func_name
        .ok_or_else(|| Failure::meta("Function name cannot be null."))?;
    let function = target.snapshot().await?.function(&target.database, &name).await?;
    Ok(function_to(&function, &target.names))
}

async fn names(call: Call, args: GetFunctionsArgs) -> Result<Vec<String>, Failure> {
    let Some(target) = call.database_if_any(args.db_name.as_deref(), None).await? else {
        return Ok(Vec::new());
    };
    let snapshot = target.snapshot().await?;
    let Some(database) = snapshot.find_database(&target.database).await? else {
        return Ok(Vec::new());
    };
    let pattern = args.pattern.as_deref().map_or_else(Pattern::all, Pattern::parse);
    Ok(snapshot.functions(database.id, &pattern).await?)
}

/// Answers with names, or with the functions themselves, as it is asked for.
async fn functions_req(call: Call, args: GetFunctionsReqArgs) -> Result<GetFunctionsResponse, Failure> {
    let request = args.request.unwrap_or_default();
    let target = call
        .database(request.db_name.as_deref(), request.catalog_name.as_deref())
        .await?;
    let snapshot = target.snapshot().await?;
    let database = snapshot.database(&target.database).await?;
    let pattern = request
        .pattern
        .as_deref()
        .map_or_else(Pattern::all, Pattern::parse);
    let names = snapshot.functions(database.id, &pattern).await?;
    if request.return_names.unwrap_or(true) {
        return Ok(GetFunctionsResponse {
            function_names: Some(names),
            functions: None,
        });
    }
    let mut functions = Vec::with_capacity(names.len());
    for name in names {
        functions.push(function_to(
            &snapshot.function(&database.name, &name).await?,
            &target.names,
        ));
    }
    Ok(GetFunctionsResponse {
        function_names: None,
        functions: Some(functions),
    })
}

async fn all<A>(call: Call, _: A) -> Result<GetAllFunctionsResponse, Failure> {
    let target = call.resolve(Asked::parse(None, None)).await?;
    let snapshot = target.snapshot().await?;
    let mut functions = Vec::new();
    for database in snapshot.databases(&Pattern::all()).await? {
        let id = snapshot.database(&database).await?.id;
        let names = Names {
            database: database.clone(),
            ..target.names.clone()
        };
        for name in snapshot.functions(id, &Pattern::all()).await? {
            functions.push(function_to(&snapshot.function(&database, &name).await?, &names));
        }
    }
    Ok(GetAllFunctionsResponse {
        functions: Some(functions),
    })
}

async fn create(call: Call, args: CreateFunctionArgs) -> Result<(), Failure> {
    let mut wire = args.func.unwrap_or_default();
    let Some(name) = wire.db_name.as_deref() else {
        let text = "Database name cannot be null.".to_owned();
        return Err(Failure::As(&[Class::NoSuchObject], text));
    };
    let target = call.database(Some(name), wire.cat_name.as_deref()).await?;
    check_whole(&wire)?;
    check_class(&wire)?;
    new_function(&mut wire, call.session.user());
    let input = (target.database.clone(), function_from(wire));
    target
        .write(input, |draft, (database, function): &(String, Function)| {
            async move {
                Ok(draft
                    .create_function(database, function.clone())
                    .await
                    .map(std::mem::drop)?)
            }
            .boxed()
        })
        .await
}

async fn alter(call: Call, args: AlterFunctionArgs) -> Result<(), Failure> {
    let target = call.database(args.db_name.as_deref(), None).await?;
    let wire = args.new_func.ok_or(Failure::Null("New function"))?;
    check_whole(&wire)?;
    check_class(&wire)?;
    let new_database = call.database(wire.db_name.as_deref(), None).await?.database;
    let name = args.func_name.ok_or(Failure::Null("Function name"))?;
    let input = (target.database.clone(), name, new_database, function_from(wire));
    target
        .write(input, |draft, (database, name, new_database, function)| {
            async move {
                let altered = draft
                    .alter_function(database, name, new_database, function.clone())
                    .await;
                altered.map_err(|error| alter_failure(error, new_database))
            }
            .boxed()
        })
        .await
}

/// Fails for a function of which clients leave out what it has to have.
fn check_whole(function: &types::Function) -> Result<(), Failure> {
    let is_missing = [
        ("Function name", function.function_name.is_none()),
        ("Owner type", function.owner_type.is_none()),
        ("Function type", function.function_type.is_none()),
    ];
    let missing = is_missing.into_iter().find(|(_, is_missing)| *is_missing);
    missing.map_or(Ok(()), |(what, _)| Err(Failure::Null(what)))
}

fn check_class(function: &types::Function) -> Result<(), Failure> {
    match function.class_name {
        Some(_) => Ok(()),
        None => {
            let text = "Function class name cannot be null".to_owned();
            Err(Failure::As(&[Class::InvalidObject], text))
        }
    }
}

/// Words what goes wrong when a function is altered as the original does, which throws for a bad new function what
/// the method does not declare.
fn alter_failure(error: Error, new_database: &str) -> Failure {
    match error {
        Error::NoSuchFunction { database, function } => {
            Failure::meta(format!("function {database}.{function} doesn't exist"))
        }
        Error::FunctionExists { function, .. } => {
            Failure::meta(format!("Function {function} already exists"))
        }
        Error::NoSuchDatabase { name } if name == new_database => {
            Failure::As(&[Class::InvalidObject], format!("Database {name} does not exist"))
        }
        Error::InvalidName { name, .. } => Failure::As(
            &[Class::InvalidObject],
            format!("{name} is not a valid object name"),
        ),
        other => other.into(),
    }
}

async fn drop(call: Call, args: DropFunctionArgs) -> Result<(), Failure> {
    let target = call.database(args.db_name.as_deref(), None).await?;
    let name = args.func_name.ok_or(Failure::Null("Function name"))?;
    let input = (target.database.clone(), name);
    target
        .write(input, |draft, (database, name)| {
            async move {
                match draft.drop_function(database, name).await {
                    Err(Error::NoSuchFunction { function, .. }) => Err(Failure::As(
                        &[Class::NoSuchObject],
                        format!("Function {function} does not exist"),
                    )),
                    other => Ok(other?),
                }
            }
            .boxed()
        })
        .await
}
