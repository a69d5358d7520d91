//! Privileges, which are kept as they are stated.

use catalog::model::{Grant, Grants, PrincipalKind, Privileges};
use thrift_idl::types::{PrincipalPrivilegeSet, PrincipalType, PrivilegeGrantInfo};

use std::collections::BTreeMap;

type Wire = BTreeMap<String, Vec<PrivilegeGrantInfo>>;

pub(super) fn privileges_from(wire: PrincipalPrivilegeSet) -> Privileges {
    Privileges {
        users: wire.user_privileges.map(grants_from),
        groups: wire.group_privileges.map(grants_from),
        roles: wire.role_privileges.map(grants_from),
    }
}

pub(super) fn privileges_to(privileges: &Privileges) -> PrincipalPrivilegeSet {
    PrincipalPrivilegeSet {
        user_privileges: privileges.users.as_ref().map(grants_to),
        group_privileges: privileges.groups.as_ref().map(grants_to),
        role_privileges: privileges.roles.as_ref().map(grants_to),
    }
}

pub(super) fn principal_from(wire: PrincipalType) -> PrincipalKind {
    PrincipalKind::from_code(wire.0)
}

pub(super) fn principal_to(kind: PrincipalKind) -> PrincipalType {
    PrincipalType(kind.code())
}

fn grants_from(wire: Wire) -> Grants {
    wire.into_iter()
        .map(|(name, grants)| (name, grants.into_iter().map(grant_from).collect()))
        .collect()
}

fn grants_to(grants: &Grants) -> Wire {
    grants
        .iter()
        .map(|(name, grants)| (name.clone(), grants.iter().map(grant_to).collect()))
        .collect()
}

fn grant_from(wire: PrivilegeGrantInfo) -> Grant {
    Grant {
        privilege: wire.privilege,
        created_s: wire.create_time,
        grantor: wire.grantor,
        grantor_kind: wire.grantor_type.map(principal_from),
        grant_option: wire.grant_option,
    }
}

fn grant_to(grant: &Grant) -> PrivilegeGrantInfo {
    PrivilegeGrantInfo {
        privilege: grant.privilege.clone(),
        create_time: grant.created_s,
        grantor: grant.grantor.clone(),
        grantor_type: grant.grantor_kind.map(principal_to),
        grant_option: grant.grant_option,
    }
}
