//! Roles and privileges as Hive and Trino set and ask for them.

use thrift_idl::methods::*;
use thrift_idl::types::*;

use super::harness::{Client, Server, some, texts};

fn create(name: &str) -> CreateRoleArgs {
    let role = Role {
        role_name: some(name),
        create_time: None,
        owner_name: some("ann"),
    };
    CreateRoleArgs { role: Some(role) }
}

fn grant(role: &str, to: &str, kind: PrincipalType) -> GrantRoleArgs {
    GrantRoleArgs {
        role_name: some(role),
        principal_name: some(to),
        principal_type: Some(kind),
        grantor: some("ann"),
        grantor_type: Some(PrincipalType::USER),
        grant_option: Some(true),
    }
}

async fn roles_of(client: &mut Client, name: &str, kind: PrincipalType) -> Vec<String> {
    let args = ListRolesArgs {
        principal_name: some(name),
        principal_type: Some(kind),
    };
    let roles = client.get::<ListRoles>(args).await.unwrap();
    roles.into_iter().filter_map(|role| role.role_name).collect()
}

#[tokio::test]
async fn roles_have_members() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    for (outcome, expected) in [
        (client.outcome::<CreateRole>(create("etl")).await, "ok"),
        (client.outcome::<CreateRole>(create("ops")).await, "ok"),
        (
            client.outcome::<CreateRole>(create("etl")).await,
            "MetaException: Role etl already exists.",
        ),
        (
            client.outcome::<CreateRole>(create("public")).await,
            "MetaException: public role implicitly exists. It can't be created.",
        ),
        (
            client
                .outcome::<GrantRole>(grant("etl", "bob", PrincipalType::USER))
                .await,
            "ok",
        ),
        (
            client
                .outcome::<GrantRole>(grant("ops", "etl", PrincipalType::ROLE))
                .await,
            "ok",
        ),
        (
            client
                .outcome::<GrantRole>(grant("etl", "ops", PrincipalType::ROLE))
                .await,
            "MetaException: Cannot grant role etl to ops as etl already belongs to the role ops. (no cycles allowed)",
        ),
        (
            client
                .outcome::<GrantRole>(grant("etl", "bob", PrincipalType::USER))
                .await,
            "MetaException: Got exception: org.apache.hadoop.hive.metastore.api.InvalidObjectException Principal \
             bob already has the role etl",
        ),
        (
            client
                .outcome::<GrantRole>(grant("nope", "bob", PrincipalType::USER))
                .await,
            "MetaException: Got exception: org.apache.hadoop.hive.metastore.api.NoSuchObjectException nope role \
             can not be found.",
        ),
    ] {
        assert_eq!(outcome, expected);
    }
    let names = client.get::<GetRoleNames>(GetRoleNamesArgs {}).await.unwrap();
    assert_eq!(names, ["admin", "etl", "ops", "public"]);
    assert_eq!(
        roles_of(&mut client, "bob", PrincipalType::USER).await,
        ["etl", "public"]
    );
    assert_eq!(roles_of(&mut client, "etl", PrincipalType::ROLE).await, ["ops"]);
    let args = GetPrincipalsInRoleArgs {
        request: Some(GetPrincipalsInRoleRequest {
            role_name: some("etl"),
        }),
    };
    let members = client
        .get::<GetPrincipalsInRole>(args)
        .await
        .unwrap()
        .principal_grants
        .unwrap();
    assert_eq!(
        (
            members.len(),
            members[0].principal_name.as_deref(),
            members[0].grant_option
        ),
        (1, Some("bob"), Some(true))
    );
    let request = GrantRevokeRoleRequest {
        request_type: Some(GrantRevokeType::REVOKE),
        role_name: some("etl"),
        principal_name: some("bob"),
        principal_type: Some(PrincipalType::USER),
        ..GrantRevokeRoleRequest::default()
    };
    let args = GrantRevokeRoleArgs {
        request: Some(request),
    };
    client.call::<GrantRevokeRole>(args).await.unwrap();
    assert_eq!(
        roles_of(&mut client, "bob", PrincipalType::USER).await,
        ["public"]
    );
    client
        .call::<DropRole>(DropRoleArgs {
            role_name: some("ops"),
        })
        .await
        .unwrap();
    assert_eq!(roles_of(&mut client, "etl", PrincipalType::ROLE).await, [""; 0]);
    assert_eq!(
        client
            .outcome::<DropRole>(DropRoleArgs {
                role_name: some("admin")
            })
            .await,
        "MetaException: public,admin roles can't be dropped."
    );
}

fn object(database: &str) -> HiveObjectRef {
    HiveObjectRef {
        object_type: Some(HiveObjectType::TABLE),
        db_name: some(database),
        object_name: some("T"),
        ..HiveObjectRef::default()
    }
}

fn bag(privilege: &str, to: &str, kind: PrincipalType) -> PrivilegeBag {
    let privilege = HiveObjectPrivilege {
        hive_object: Some(object("db@main")),
        principal_name: some(to),
        principal_type: Some(kind),
        grant_info: Some(PrivilegeGrantInfo {
            privilege: some(privilege),
            create_time: None,
            grantor: some("ann"),
            grantor_type: Some(PrincipalType::USER),
            grant_option: Some(false),
        }),
        authorizer: some("SQL"),
    };
    PrivilegeBag {
        privileges: Some(vec![privilege]),
    }
}

async fn listed(client: &mut Client, name: &str) -> Vec<String> {
    let args = ListPrivilegesArgs {
        principal_name: some(name),
        principal_type: Some(PrincipalType::USER),
        hive_object: Some(object("DB")),
    };
    let grants = client.get::<ListPrivileges>(args).await.unwrap();
    grants
        .into_iter()
        .filter_map(|grant| grant.grant_info?.privilege)
        .collect()
}

#[tokio::test]
async fn privileges_are_kept_as_they_are_granted() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let give = |bag| GrantPrivilegesArgs {
        privileges: Some(bag),
    };
    client.call::<CreateRole>(create("etl")).await.unwrap();
    client
        .call::<GrantRole>(grant("etl", "bob", PrincipalType::USER))
        .await
        .unwrap();
    let two = give(bag("SELECT,INSERT", "bob", PrincipalType::USER));
    client.call::<GrantPrivileges>(two.clone()).await.unwrap();
    client
        .call::<GrantPrivileges>(give(bag("DELETE", "etl", PrincipalType::ROLE)))
        .await
        .unwrap();
    assert_eq!(
        client.outcome::<GrantPrivileges>(two).await,
        "MetaException: Got exception: org.apache.hadoop.hive.metastore.api.InvalidObjectException SELECT is \
         already granted on table [db,t] by ann"
    );
    assert_eq!(listed(&mut client, "bob").await, ["INSERT", "SELECT"]);
    let args = GetPrivilegeSetArgs {
        hive_object: Some(object("db")),
        user_name: some("bob"),
        group_names: Some(texts(&["staff"])),
    };
    let set = client.get::<GetPrivilegeSet>(args).await.unwrap();
    assert_eq!(set.user_privileges.unwrap()["bob"].len(), 2);
    assert_eq!(set.group_privileges.unwrap()["staff"].len(), 0);
    let of_roles = set.role_privileges.unwrap();
    assert_eq!((of_roles["etl"].len(), of_roles["public"].len()), (1, 0));
    let request = GrantRevokePrivilegeRequest {
        request_type: Some(GrantRevokeType::REVOKE),
        privileges: Some(bag("SELECT", "bob", PrincipalType::USER)),
        revoke_grant_option: Some(false),
    };
    let args = GrantRevokePrivilegesArgs {
        request: Some(request),
    };
    client.call::<GrantRevokePrivileges>(args.clone()).await.unwrap();
    assert_eq!(listed(&mut client, "bob").await, ["INSERT"]);
    let again = client.outcome::<GrantRevokePrivileges>(args).await;
    assert!(
        again.ends_with("No grant (SELECT) found on table [db,t]"),
        "{again}"
    );
    let args = RefreshPrivilegesArgs {
        obj_to_refresh: Some(object("db")),
        authorizer: some("SQL"),
        grant_request: Some(GrantRevokePrivilegeRequest {
            privileges: Some(bag("UPDATE", "bob", PrincipalType::USER)),
            ..GrantRevokePrivilegeRequest::default()
        }),
    };
    client.call::<RefreshPrivileges>(args).await.unwrap();
    assert_eq!(listed(&mut client, "bob").await, ["UPDATE"]);
    assert_eq!(listed(&mut client, "eve").await, [""; 0]);
}

#[tokio::test]
async fn partitions_say_what_was_granted_on_them_if_their_table_wants_it() {
    let (_server, mut client) = super::partitions::recorded().await;
    let ask = || GetPartitionWithAuthArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        part_vals: Some(texts(&["2020-01-01", "a b/c", "1"])),
        user_name: some("ann"),
        group_names: Some(vec!["staff".to_owned()]),
    };
    let plain = client.get::<GetPartitionWithAuth>(ask()).await.unwrap();
    assert!(plain.privileges.is_none());
    let mut table = client.table("g1", "p").await.unwrap();
    let parameters = table.parameters.get_or_insert_default();
    parameters.insert("PARTITION_LEVEL_PRIVILEGE".to_owned(), "true".to_owned());
    let args = AlterTableArgs {
        dbname: some("g1"),
        tbl_name: some("p"),
        new_tbl: Some(table),
    };
    client.call::<AlterTable>(args).await.unwrap();
    let object = HiveObjectRef {
        object_type: Some(HiveObjectType::PARTITION),
        object_name: some("p"),
        part_values: plain.values.clone(),
        ..object("g1")
    };
    let mut bag = bag("SELECT", "ann", PrincipalType::USER);
    for grant in bag.privileges.iter_mut().flatten() {
        grant.hive_object = Some(object.clone());
    }
    let args = GrantPrivilegesArgs {
        privileges: Some(bag),
    };
    client.get::<GrantPrivileges>(args).await.unwrap();
    let one = client.get::<GetPartitionWithAuth>(ask()).await.unwrap();
    let granted = one.privileges.clone().unwrap();
    assert_eq!(granted.user_privileges.unwrap()["ann"].len(), 1);
    assert_eq!(granted.group_privileges.unwrap()["staff"], []);
    assert_eq!(granted.role_privileges.unwrap()["public"], []);
    let args = GetPartitionsWithAuthArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        max_parts: Some(-1),
        user_name: some("ann"),
        group_names: None,
    };
    let all = client.get::<GetPartitionsWithAuth>(args).await.unwrap();
    assert!(all.iter().all(|partition| partition.privileges.is_some()));
    assert_eq!(all.iter().filter(|it| it.values == one.values).count(), 1);
}
