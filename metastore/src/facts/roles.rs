//! Roles, who is in them, and what is granted to whom.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use thrift_idl::types::{
    HiveObjectPrivilege, HiveObjectRef, PrincipalType, PrivilegeGrantInfo, Role, RolePrincipalGrant,
};
use versioning::codec::DecodeError;
use versioning::state::{Changes, Stateful};

use super::record::{SEPARATOR, encode, read};
use crate::exception::Failure;

/// The role that everybody is in.
const PUBLIC: &str = "public";
/// The role of administrators, which is there from the start.
const ADMIN: &str = "admin";

/// Roles and grants of a repository, by the keys of their records.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roles {
    roles: BTreeMap<String, Role>,
    members: BTreeMap<String, RolePrincipalGrant>,
    grants: BTreeMap<String, HiveObjectPrivilege>,
}

impl Stateful for Roles {
    const NAMESPACE: &'static str = "hive-roles";

    fn apply(&mut self, key: &str, value: Option<&Bytes>) -> Result<(), DecodeError> {
        match key.split_once('/') {
            Some(("role", _)) => keep(&mut self.roles, key, value, read),
            Some(("member", _)) => keep(&mut self.members, key, value, read),
            Some(("grant", _)) => keep(&mut self.grants, key, value, read),
            _ => Err(DecodeError::Canonical("an unknown kind of record")),
        }
    }
}

pub(super) fn keep<T>(
    map: &mut BTreeMap<String, T>,
    key: &str,
    value: Option<&Bytes>,
    read: impl Fn(&[u8]) -> Result<T, DecodeError>,
) -> Result<(), DecodeError> {
    match value {
        Some(bytes) => drop(map.insert(key.to_owned(), read(bytes)?)),
        None => drop(map.remove(key)),
    }
    Ok(())
}

fn role_key(name: &str) -> String {
    format!("role/{name}")
}

fn member_key(role: &str, name: &str, kind: PrincipalType) -> String {
    format!("member/{}", [role, &kind.0.to_string(), name].join(SEPARATOR))
}

/// Returns the key of a grant: what, to whom, by whom.
fn grant_key(grant: &HiveObjectPrivilege) -> String {
    let object = grant.hive_object.clone().unwrap_or_default();
    let info = grant.grant_info.clone().unwrap_or_default();
    let values = object.part_values.unwrap_or_default().join("/");
    let parts = [
        object.object_type.unwrap_or_default().0.to_string(),
        object.db_name.unwrap_or_default(),
        object.object_name.unwrap_or_default(),
        values,
        object.column_name.unwrap_or_default(),
        grant.principal_type.unwrap_or_default().0.to_string(),
        grant.principal_name.clone().unwrap_or_default(),
        info.privilege.unwrap_or_default(),
        info.grantor.unwrap_or_default(),
        grant.authorizer.clone().unwrap_or_default(),
    ];
    format!("grant/{}", parts.join(SEPARATOR))
}

/// Words a refusal as the original does where one of its own exceptions comes out as another.
fn got(class: &str, message: &str) -> Failure {
    Failure::meta(format!(
        "Got exception: org.apache.hadoop.hive.metastore.api.{class} {message}"
    ))
}

impl Roles {
    /// Returns the names of all roles, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let own = self.roles.values().filter_map(|role| role.role_name.clone());
        let all: BTreeSet<String> = own.chain([ADMIN.to_owned(), PUBLIC.to_owned()]).collect();
        all.into_iter().collect()
    }

    /// Returns a role.
    pub(crate) fn role(&self, name: &str) -> Option<Role> {
        let builtin = |name: &str| Role {
            role_name: Some(name.to_owned()),
            create_time: Some(0),
            owner_name: Some(name.to_owned()),
        };
        match name {
            PUBLIC | ADMIN => Some(builtin(name)),
            name => self.roles.get(&role_key(name)).cloned(),
        }
    }

    pub(crate) fn create(&self, mut role: Role, now_s: i32) -> Result<Changes, Failure> {
        let name = role.role_name.clone().unwrap_or_default();
        if name == PUBLIC {
            return Err(Failure::meta(
                "public role implicitly exists. It can't be created.",
            ));
        }
        if self.role(&name).is_some() {
            return Err(Failure::meta(format!("Role {name} already exists.")));
        }
        role.create_time = Some(now_s);
        Ok(vec![(role_key(&name), Some(encode(&role)))])
    }

    /// Removes a role, and everything that was granted to it or by it.
    pub(crate) fn remove(&self, name: &str) -> Result<Changes, Failure> {
        if name == PUBLIC || name == ADMIN {
            return Err(Failure::meta("public,admin roles can't be dropped."));
        }
        let is = |kind: Option<PrincipalType>, of: &Option<String>| {
            kind == Some(PrincipalType::ROLE) && of.as_deref() == Some(name)
        };
        let members = self.members.iter().filter(|(_, it)| {
            it.role_name.as_deref() == Some(name) || is(it.principal_type, &it.principal_name)
        });
        let grants = self
            .grants
            .iter()
            .filter(|(_, it)| is(it.principal_type, &it.principal_name));
        let role = self.roles.keys().filter(|key| **key == role_key(name));
        let keys = members
            .map(|(key, _)| key)
            .chain(grants.map(|(key, _)| key))
            .chain(role);
        Ok(keys.map(|key| (key.clone(), None)).collect())
    }

    /// Puts somebody into a role.
    pub(crate) fn grant_role(&self, grant: &RolePrincipalGrant) -> Result<Changes, Failure> {
        let role = grant.role_name.as_deref().unwrap_or_default();
        let name = grant.principal_name.as_deref().unwrap_or_default();
        let kind = grant.principal_type.unwrap_or(PrincipalType::USER);
        if role == PUBLIC {
            return Err(Failure::meta(
                "No user can be added to public. Since all users implicitly belong to public role.",
            ));
        }
        if self.role(role).is_none() {
            return Err(got(
                "NoSuchObjectException",
                &format!("{role} role can not be found."),
            ));
        }
        if kind == PrincipalType::ROLE && self.is_in(role, name) {
            return Err(Failure::meta(format!(
                "Cannot grant role {role} to {name} as {role} already belongs to the role {name}. (no cycles \
                 allowed)"
            )));
        }
        let key = member_key(role, name, kind);
        if self.members.contains_key(&key) {
            let text = format!("Principal {name} already has the role {role}");
            return Err(got("InvalidObjectException", &text));
        }
        Ok(vec![(key, Some(encode(grant)))])
    }

    /// Returns whether a role is another, or in it by any way.
    fn is_in(&self, role: &str, other: &str) -> bool {
        role == other
            || self
                .all_roles(&[(role.to_owned(), PrincipalType::ROLE)])
                .contains(other)
    }

    /// Takes somebody out of a role, or only the right to put others in.
    pub(crate) fn revoke_role(
        &self,
        (role, name, kind): (&str, &str, PrincipalType),
        option_only: bool,
    ) -> Result<Changes, Failure> {
        if role == PUBLIC {
            return Err(Failure::meta("public role can't be revoked."));
        }
        let key = member_key(role, name, kind);
        let Some(grant) = self.members.get(&key) else {
            return Err(Failure::meta(format!(
                "Principal {name} does not have the role {role}"
            )));
        };
        if !option_only {
            return Ok(vec![(key, None)]);
        }
        if grant.grant_option != Some(true) {
            let text = format!("User {name} does not have grant option with role {role}");
            return Err(Failure::meta(text));
        }
        let mut grant = grant.clone();
        grant.grant_option = Some(false);
        Ok(vec![(key, Some(encode(&grant)))])
    }

    /// Returns the roles that somebody is in directly; every user is in `public`.
    pub(crate) fn of_principal(&self, name: &str, kind: PrincipalType) -> Vec<RolePrincipalGrant> {
        let own = self
            .members
            .values()
            .filter(|it| it.principal_name.as_deref() == Some(name) && it.principal_type == Some(kind));
        let everybody = (kind == PrincipalType::USER).then(|| RolePrincipalGrant {
            role_name: Some(PUBLIC.into()),
            principal_name: Some(name.to_owned()),
            principal_type: Some(kind),
            grant_option: Some(false),
            grant_time: Some(0),
            grantor_name: None,
            grantor_principal_type: None,
        });
        own.cloned().chain(everybody).collect()
    }

    /// Returns who is in a role directly.
    pub(crate) fn members(&self, role: &str) -> Vec<RolePrincipalGrant> {
        let members = self.members.values();
        members
            .filter(|it| it.role_name.as_deref() == Some(role))
            .cloned()
            .collect()
    }

    /// Returns all roles that somebody is in, directly or by other roles; `public` always.
    fn all_roles(&self, principals: &[(String, PrincipalType)]) -> BTreeSet<String> {
        let mut found = BTreeSet::from([PUBLIC.to_owned()]);
        let mut open = principals.to_vec();
        while let Some((name, kind)) = open.pop() {
            for role in self
                .of_principal(&name, kind)
                .into_iter()
                .filter_map(|it| it.role_name)
            {
                if found.insert(role.clone()) {
                    open.push((role, PrincipalType::ROLE));
                }
            }
        }
        found
    }
}

/// Grants in a list, as one wants them.
pub(crate) type Grants = Vec<HiveObjectPrivilege>;

impl Roles {
    /// Grants privileges: all of them, or none if one is granted already.
    pub(crate) fn grant(&self, grants: &Grants, now_s: i32) -> Result<Changes, Failure> {
        let mut changes = Vec::new();
        for mut grant in grants.iter().flat_map(one_by_one) {
            let info = grant.grant_info.get_or_insert_default();
            info.create_time = Some(now_s);
            let (privilege, grantor) = (info.privilege.clone(), info.grantor.clone());
            let key = grant_key(&grant);
            if self.grants.contains_key(&key) {
                let text = format!(
                    "{} is already granted{} by {}",
                    privilege.unwrap_or_default(),
                    spell(grant.hive_object.as_ref()),
                    grantor.unwrap_or_default(),
                );
                return Err(got("InvalidObjectException", &text));
            }
            changes.push((key, Some(encode(&grant))));
        }
        Ok(changes)
    }

    /// Takes privileges back, whoever granted them, or only the right to grant them to others.
    pub(crate) fn revoke(&self, grants: &Grants, option_only: bool) -> Result<Changes, Failure> {
        let mut changes = Vec::new();
        for wanted in grants.iter().flat_map(one_by_one) {
            let privilege = privilege_of(&wanted);
            let found = self.grants.iter().filter(|(_, it)| same_but_grantor(it, &wanted));
            let before = changes.len();
            for (key, grant) in found {
                let mut grant = grant.clone();
                let info = grant.grant_info.get_or_insert_default();
                if option_only && info.grant_option != Some(true) {
                    let name = wanted.principal_name.unwrap_or_default();
                    let text = format!("User {name} does not have grant option with privilege {privilege}");
                    return Err(Failure::meta(text));
                }
                info.grant_option = Some(false);
                changes.push((key.clone(), option_only.then(|| encode(&grant))));
            }
            if changes.len() == before {
                let at = spell(wanted.hive_object.as_ref());
                let text = format!("No grant ({privilege}) found{at}");
                return Err(got("InvalidObjectException", &text));
            }
        }
        Ok(changes)
    }

    /// Replaces all that an authorizer says of an object.
    pub(crate) fn refresh(
        &self,
        object: &HiveObjectRef,
        authorizer: &str,
        grants: &Grants,
        now_s: i32,
    ) -> Changes {
        let old = self.grants.iter().filter(|(_, it)| {
            it.authorizer.as_deref() == Some(authorizer)
                && it
                    .hive_object
                    .as_ref()
                    .is_some_and(|of| is_same_object(of, object))
        });
        let mut changes: Changes = old.map(|(key, _)| (key.clone(), None)).collect();
        for mut grant in grants.iter().flat_map(one_by_one) {
            grant.authorizer = Some(authorizer.to_owned());
            grant.grant_info.get_or_insert_default().create_time = Some(now_s);
            changes.push((grant_key(&grant), Some(encode(&grant))));
        }
        changes
    }

    /// Returns the grants to somebody, or to all, of an object, or of all.
    pub(crate) fn list(
        &self,
        name: Option<&str>,
        kind: Option<PrincipalType>,
        object: Option<&HiveObjectRef>,
    ) -> Grants {
        let holds = |it: &&HiveObjectPrivilege| {
            let of = it.hive_object.clone().unwrap_or_default();
            name.is_none_or(|name| it.principal_name.as_deref() == Some(name))
                && kind.is_none_or(|kind| it.principal_type == Some(kind))
                && object.is_none_or(|object| is_within(&of, object))
        };
        self.grants.values().filter(holds).cloned().collect()
    }

    /// Returns what is granted on an object to each of `names`.
    pub(crate) fn privileges(
        &self,
        object: &HiveObjectRef,
        kind: PrincipalType,
        names: impl IntoIterator<Item = String>,
    ) -> BTreeMap<String, Vec<PrivilegeGrantInfo>> {
        let of = |name: String| {
            let grants = self.list(Some(&name), Some(kind), Some(object));
            let exact = grants.into_iter().filter(|it| {
                it.hive_object
                    .as_ref()
                    .is_some_and(|of| is_same_object(of, object))
            });
            (name, exact.filter_map(|it| it.grant_info).collect())
        };
        names.into_iter().map(of).collect()
    }

    /// Returns the roles of a user and groups.
    pub(crate) fn roles_of(&self, user: Option<&str>, groups: &[String]) -> BTreeSet<String> {
        let user = user.map(|name| (name.to_owned(), PrincipalType::USER));
        let groups = groups.iter().map(|name| (name.clone(), PrincipalType::GROUP));
        let principals: Vec<_> = user.into_iter().chain(groups).collect();
        self.all_roles(&principals)
    }
}

/// Takes a grant of several privileges, parted by commas, apart.
fn one_by_one(grant: &HiveObjectPrivilege) -> Vec<HiveObjectPrivilege> {
    let privileges = privilege_of(grant);
    let one = |privilege: &str| {
        let mut grant = grant.clone();
        let info = grant.grant_info.get_or_insert_default();
        info.privilege = Some(privilege.trim().to_owned());
        grant
    };
    privileges.split(',').map(one).collect()
}

fn privilege_of(grant: &HiveObjectPrivilege) -> String {
    let info = grant.grant_info.as_ref();
    info.and_then(|info| info.privilege.clone()).unwrap_or_default()
}

fn same_but_grantor(a: &HiveObjectPrivilege, b: &HiveObjectPrivilege) -> bool {
    let key = |grant: &HiveObjectPrivilege| {
        let mut grant = grant.clone();
        grant.authorizer = None;
        grant.grant_info.get_or_insert_default().grantor = None;
        grant_key(&grant)
    };
    let same_authorizer = b.authorizer.is_none() || a.authorizer == b.authorizer;
    same_authorizer && key(a) == key(b)
}

fn is_same_object(a: &HiveObjectRef, b: &HiveObjectRef) -> bool {
    let values = |of: &HiveObjectRef| of.part_values.clone().unwrap_or_default();
    a.object_type == b.object_type
        && a.db_name == b.db_name
        && a.object_name == b.object_name
        && values(a) == values(b)
        && a.column_name == b.column_name
}

/// Returns whether an object is what is asked for; what is left out there is any.
fn is_within(of: &HiveObjectRef, asked: &HiveObjectRef) -> bool {
    let values = asked.part_values.as_ref().filter(|values| !values.is_empty());
    asked.object_type.is_none_or(|kind| of.object_type == Some(kind))
        && (asked.db_name.is_none() || of.db_name == asked.db_name)
        && (asked.object_name.is_none() || of.object_name == asked.object_name)
        && values.is_none_or(|values| of.part_values.as_ref() == Some(values))
        && (asked.column_name.is_none() || of.column_name == asked.column_name)
}

/// Spells an object as the original does where it refuses.
fn spell(object: Option<&HiveObjectRef>) -> String {
    let Some(of) = object else { return String::new() };
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    let (database, table) = (name(&of.db_name), name(&of.object_name));
    match (&of.db_name, &of.object_name, &of.column_name) {
        (None, ..) => String::new(),
        (Some(_), None, _) => format!(" on database {database}"),
        (Some(_), Some(_), Some(column)) => format!(" on column {column} [{database},{table}]"),
        (Some(_), Some(_), None) => format!(" on table [{database},{table}]"),
    }
}
