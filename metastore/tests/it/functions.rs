//! Functions, against the recorded outcomes of the original.

use thrift_idl::methods::*;
use thrift_idl::types::{Function, FunctionType, PrincipalType};

use super::harness::{Client, Server, some};

fn function(name: &str) -> Function {
    Function {
        function_name: some(name),
        db_name: some("g1"),
        class_name: some("x.Y"),
        owner_type: Some(PrincipalType::USER),
        function_type: Some(FunctionType::JAVA),
        ..Function::default()
    }
}

async fn create(client: &mut Client, name: &str) -> String {
    client
        .outcome::<CreateFunction>(CreateFunctionArgs {
            func: Some(function(name)),
        })
        .await
}

#[tokio::test]
async fn functions_are_kept() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.create_database("g1").await;
    assert_eq!(create(&mut client, "fn1").await, "ok");
    assert_eq!(
        create(&mut client, "FN1").await,
        "AlreadyExistsException: Function fn1 already exists"
    );
    assert_eq!(
        create(&mut client, "a-b").await,
        "InvalidObjectException: a-b is not a valid object name"
    );
    let args = GetFunctionArgs {
        db_name: some("G1"),
        func_name: some("FN1"),
    };
    let found = client.get::<GetFunction>(args).await.unwrap();
    assert_eq!(
        (found.class_name.as_deref(), found.resource_uris),
        (Some("x.Y"), Some(Vec::new()))
    );
    assert!(found.create_time.unwrap() > 1_700_000_000);
    let args = GetFunctionArgs {
        db_name: some("g1"),
        func_name: some("zz"),
    };
    assert_eq!(
        client.outcome::<GetFunction>(args).await,
        "NoSuchObjectException: Function g1.zz does not exist"
    );
    let args = GetFunctionsArgs {
        db_name: some("g1"),
        pattern: some("f*"),
    };
    assert_eq!(client.get::<GetFunctions>(args).await.unwrap(), ["fn1"]);
    let all = client
        .get::<GetAllFunctions>(GetAllFunctionsArgs {})
        .await
        .unwrap();
    assert_eq!(all.functions.unwrap().len(), 1);
    let changed = Function {
        class_name: some("x.Z"),
        ..function("fn1")
    };
    let args = AlterFunctionArgs {
        db_name: some("g1"),
        func_name: some("fn1"),
        new_func: Some(changed),
    };
    assert_eq!(client.outcome::<AlterFunction>(args).await, "ok");
    let drop = |name| DropFunctionArgs {
        db_name: some("g1"),
        func_name: some(name),
    };
    assert_eq!(
        client.outcome::<DropFunction>(drop("zz")).await,
        "NoSuchObjectException: Function zz does not exist"
    );
    assert_eq!(client.outcome::<DropFunction>(drop("fn1")).await, "ok");
}
