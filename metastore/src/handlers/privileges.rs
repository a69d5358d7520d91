//! Roles and privileges: Hive's own are not kept, and everybody is in the role `public`.

use std::collections::BTreeMap;

use thrift_idl::methods::{
    GetPrincipalsInRole, GetPrivilegeSet, GetPrivilegeSetArgs, GetRoleGrantsForPrincipal,
    GetRoleGrantsForPrincipalArgs, GetRoleNames, ListPrivileges, ListRoles,
};
use thrift_idl::types::{
    GetPrincipalsInRoleResponse, GetRoleGrantsForPrincipalResponse, PrincipalPrivilegeSet, PrincipalType,
    PrivilegeGrantInfo, Role, RolePrincipalGrant,
};

use crate::registry::Routes;

const PUBLIC: &str = "public";

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<GetRoleNames, _, _>(async |_, _| Ok(vec!["admin".to_owned(), PUBLIC.to_owned()]))
        .serve::<GetRoleGrantsForPrincipal, _, _>(async |_, args| Ok(role_grants(args)))
        .serve::<GetPrivilegeSet, _, _>(async |_, args| Ok(privilege_set(args)))
        .serve::<ListRoles, _, _>(async |_, _| Ok(vec![public()]))
        .empty::<ListPrivileges>(Vec::new)
        .empty::<GetPrincipalsInRole>(|| GetPrincipalsInRoleResponse {
            principal_grants: Some(Vec::new()),
        })
}

fn public() -> Role {
    Role {
        role_name: Some(PUBLIC.into()),
        create_time: Some(0),
        owner_name: Some(PUBLIC.into()),
    }
}

fn role_grants(args: GetRoleGrantsForPrincipalArgs) -> GetRoleGrantsForPrincipalResponse {
    let request = args.request.unwrap_or_default();
    let grant = RolePrincipalGrant {
        role_name: Some(PUBLIC.into()),
        principal_name: request.principal_name,
        principal_type: request.principal_type.or(Some(PrincipalType::USER)),
        grant_option: Some(false),
        grant_time: Some(0),
        grantor_name: None,
        grantor_principal_type: None,
    };
    GetRoleGrantsForPrincipalResponse {
        principal_grants: Some(vec![grant]),
    }
}

/// Answers that nothing is granted, to each of those who are asked about.
fn privilege_set(args: GetPrivilegeSetArgs) -> PrincipalPrivilegeSet {
    let none = |names: Vec<String>| -> Option<BTreeMap<String, Vec<PrivilegeGrantInfo>>> {
        Some(names.into_iter().map(|name| (name, Vec::new())).collect())
    };
    PrincipalPrivilegeSet {
        user_privileges: none(args.user_name.into_iter().collect()),
        group_privileges: none(args.group_names.unwrap_or_default()),
        role_privileges: none(vec![PUBLIC.into()]),
    }
}
