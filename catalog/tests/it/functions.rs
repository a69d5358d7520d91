//! Functions.

use catalog::Error;
use catalog::model::Function;
use catalog::names::Pattern;

use super::fixture::{Lake, refused, write};

fn function(name: &str) -> Function {
    Function {
        name: name.to_owned(),
        class_name: Some("x.Y".into()),
        ..Function::default()
    }
}

#[tokio::test]
async fn functions_come_and_go() {
    let lake = Lake::with_orders().await;
    write!(lake, |draft| {
        draft.create_function("sales", function("Fn1")).await?;
        draft.create_function("sales", function("fn2")).await?;
        let altered = Function {
            class_name: Some("x.Z".into()),
            ..function("Fn3")
        };
        draft.alter_function("sales", "fn2", "sales", altered).await?;
    })
    .unwrap();
    let main = lake.main().await;
    let sales = main.database("sales").await.unwrap();
    assert_eq!(
        main.functions(sales.id, &Pattern::parse("fn*")).await.unwrap(),
        ["fn1", "fn3"]
    );
    let found = main.function("sales", "FN3").await.unwrap();
    assert_eq!(
        (found.name.as_str(), found.class_name.as_deref()),
        ("fn3", Some("x.Z"))
    );
    assert_eq!(found.created_s, Some(1_767_225_600));
    refused!(main.function("sales", "zz").await, Error::NoSuchFunction { .. });
    refused!(
        write!(lake, |draft| draft
            .create_function("sales", function("FN1"))
            .await?),
        Error::FunctionExists { .. }
    );
    refused!(
        write!(lake, |draft| draft
            .create_function("sales", function("a-b"))
            .await?),
        Error::InvalidName { .. }
    );
    refused!(
        write!(lake, |draft| draft.drop_function("sales", "zz").await?),
        Error::NoSuchFunction { .. }
    );
    write!(lake, |draft| draft.drop_function("sales", "fn1").await?).unwrap();
    let refusal = write!(lake, |draft| {
        draft.drop_table("sales", "orders", true).await?;
        draft.drop_database("sales", true, false).await?;
    });
    refused!(
        refusal,
        Error::DatabaseNotEmpty {
            what: "one or more functions",
            ..
        }
    );
}
