//! The service itself, against the recorded outcomes of the original.

use thrift_idl::methods::*;
use thrift_idl::types::{FbStatus, GetRoleGrantsForPrincipalRequest, PrincipalType};

use super::harness::{Server, some, texts};

#[tokio::test]
async fn status_and_settings() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    assert_eq!(client.get::<GetVersion>(GetVersionArgs {}).await.unwrap(), "3.0");
    assert_eq!(
        client.get::<GetStatus>(GetStatusArgs {}).await.unwrap(),
        FbStatus::ALIVE
    );
    assert!(client.get::<AliveSince>(AliveSinceArgs {}).await.unwrap() > 1_700_000_000);
    let groups = Some(texts(&["staff"]));
    let principals = client
        .get::<SetUgi>(SetUgiArgs {
            user_name: some("ann"),
            group_names: groups,
        })
        .await;
    assert_eq!(principals.unwrap(), ["staff", "ann"]);
    for (name, expected) in [
        ("hive.metastore.try.direct.sql", Ok("true")),
        ("hive.no.such", Ok("dflt")),
        (
            "javax.jdo.option.ConnectionPassword",
            Err(
                "ConfigValSecurityException: For security reasons, the config key \
                 javax.jdo.option.ConnectionPassword cannot be accessed",
            ),
        ),
    ] {
        let args = GetConfigValueArgs {
            name: some(name),
            default_value: some("dflt"),
        };
        let found = client
            .get::<GetConfigValue>(args)
            .await
            .map_err(|thrown| thrown.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{name}");
    }
    let key = some("metastore.try.direct.sql");
    client
        .call::<SetMetaConf>(SetMetaConfArgs {
            key: key.clone(),
            value: some("false"),
        })
        .await
        .unwrap();
    assert_eq!(
        client.get::<GetMetaConf>(GetMetaConfArgs { key }).await.unwrap(),
        "false"
    );
    assert_eq!(
        client
            .outcome::<GetMetaConf>(GetMetaConfArgs { key: some("x") })
            .await,
        "MetaException: Invalid configuration key x"
    );
}

#[tokio::test]
async fn roles_events_and_catalogs() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let roles = client.get::<GetRoleNames>(GetRoleNamesArgs {}).await.unwrap();
    assert_eq!(roles, ["admin", "public"]);
    let request = GetRoleGrantsForPrincipalRequest {
        principal_name: some("lab"),
        principal_type: Some(PrincipalType::USER),
    };
    let args = GetRoleGrantsForPrincipalArgs {
        request: Some(request),
    };
    let grants = client
        .get::<GetRoleGrantsForPrincipal>(args)
        .await
        .unwrap()
        .principal_grants
        .unwrap();
    assert_eq!(
        (grants[0].role_name.as_deref(), grants[0].grant_option),
        (Some("public"), Some(false))
    );
    let event = client
        .get::<GetCurrentNotificationEventId>(GetCurrentNotificationEventIdArgs {})
        .await;
    assert_eq!(event.unwrap().event_id, Some(0), "nothing happened yet");
    let catalogs = client
        .get::<GetCatalogs>(GetCatalogsArgs {})
        .await
        .unwrap()
        .names
        .unwrap();
    assert_eq!(catalogs, ["hive"]);
    let uuid = client
        .get::<GetMetastoreDbUuid>(GetMetastoreDbUuidArgs {})
        .await
        .unwrap();
    assert_eq!(uuid.len(), 36);
    let args = GetDelegationTokenArgs {
        token_owner: some("a"),
        renewer_kerberos_principal_name: some("b"),
    };
    let refused = client.outcome::<GetDelegationToken>(args).await;
    assert!(
        refused.starts_with("MetaException: there are no delegation tokens"),
        "{refused}"
    );
}
