//! Roles and privileges, as facts: who asks is told what was granted, and nothing is refused for want of it.
//!
//! They are of the repository and the same at all its refs.

use thrift_idl::methods::{
    CreateRole, CreateRoleArgs, DropRole, DropRoleArgs, GetPrincipalsInRole, GetPrincipalsInRoleArgs,
    GetPrivilegeSet, GetPrivilegeSetArgs, GetRoleGrantsForPrincipal, GetRoleGrantsForPrincipalArgs,
    GetRoleNames, GrantPrivileges, GrantPrivilegesArgs, GrantRevokePrivileges, GrantRevokePrivilegesArgs,
    GrantRevokeRole, GrantRevokeRoleArgs, GrantRole, GrantRoleArgs, ListPrivileges, ListPrivilegesArgs,
    ListRoles, ListRolesArgs, RefreshPrivileges, RefreshPrivilegesArgs, RevokePrivileges,
    RevokePrivilegesArgs, RevokeRole, RevokeRoleArgs,
};
use thrift_idl::types::{
    GetPrincipalsInRoleResponse, GetRoleGrantsForPrincipalResponse, GrantRevokePrivilegeResponse,
    GrantRevokeRoleResponse, GrantRevokeType, HiveObjectPrivilege, HiveObjectRef, PrincipalPrivilegeSet,
    PrincipalType, PrivilegeBag, RolePrincipalGrant,
};
use versioning::state::Changes;

use crate::context::Call;
use crate::exception::Failure;
use crate::facts::{Grants, Roles};
use crate::registry::Routes;
use crate::route::Asked;

pub(super) fn routes() -> Routes {
    granting()
        .serve::<GetRoleNames, _, _>(async |call: Call, _| call.roles(Roles::names).await)
        .serve::<ListRoles, _, _>(list_roles)
        .serve::<GetRoleGrantsForPrincipal, _, _>(role_grants)
        .serve::<GetPrincipalsInRole, _, _>(principals_in_role)
        .serve::<CreateRole, _, _>(create_role)
        .serve::<DropRole, _, _>(drop_role)
        .serve::<GrantRole, _, _>(async |call: Call, args: GrantRoleArgs| {
            let grant = RolePrincipalGrant {
                role_name: args.role_name,
                principal_name: args.principal_name,
                principal_type: args.principal_type,
                grant_option: Some(args.grant_option.unwrap_or_default()),
                grant_time: Some(call.now_s()),
                grantor_name: args.grantor,
                grantor_principal_type: args.grantor_type,
            };
            call.change_roles(|roles| roles.grant_role(&grant)).await
        })
        .serve::<RevokeRole, _, _>(async |call: Call, args: RevokeRoleArgs| {
            let (role, name) = (
                args.role_name.unwrap_or_default(),
                args.principal_name.unwrap_or_default(),
            );
            let of = (
                role.as_str(),
                name.as_str(),
                args.principal_type.unwrap_or(PrincipalType::USER),
            );
            call.change_roles(|roles| roles.revoke_role(of, false)).await
        })
        .serve::<GrantRevokeRole, _, _>(grant_revoke_role)
}

fn granting() -> Routes {
    Routes::default()
        .serve::<GrantPrivileges, _, _>(async |call: Call, args: GrantPrivilegesArgs| {
            grant(&call, args.privileges).await
        })
        .serve::<RevokePrivileges, _, _>(async |call: Call, args: RevokePrivilegesArgs| {
            revoke(&call, args.privileges, false).await
        })
        .serve::<GrantRevokePrivileges, _, _>(async |call: Call, args: GrantRevokePrivilegesArgs| {
            let request = args.request.unwrap_or_default();
            let success = match request.request_type {
                Some(GrantRevokeType::REVOKE) => {
                    let option_only = request.revoke_grant_option.unwrap_or_default();
                    revoke(&call, request.privileges, option_only).await?
                }
                _ => grant(&call, request.privileges).await?,
            };
            Ok(GrantRevokePrivilegeResponse {
                success: Some(success),
            })
        })
        .serve::<RefreshPrivileges, _, _>(refresh)
        .serve::<ListPrivileges, _, _>(list_privileges)
        .serve::<GetPrivilegeSet, _, _>(privilege_set)
}

impl Call {
    /// Returns what `look` makes of roles and grants.
    pub(super) async fn roles<T>(&self, look: impl FnOnce(&Roles) -> T) -> Result<T, Failure> {
        Ok(self.states().await?.roles.read(look).await?)
    }

    /// Changes roles and grants, durably.
    async fn change_roles(
        &self,
        mut change: impl FnMut(&Roles) -> Result<Changes, Failure>,
    ) -> Result<bool, Failure> {
        let plan = |roles: &Roles| Ok::<_, Failure>((change(roles)?, true));
        self.writable_states().await?.roles.change(plan).await
    }
}

async fn list_roles(call: Call, args: ListRolesArgs) -> Result<Vec<thrift_idl::types::Role>, Failure> {
    let name = args.principal_name.unwrap_or_default();
    let kind = args.principal_type.unwrap_or(PrincipalType::USER);
    call.roles(|roles| {
        let grants = roles.of_principal(&name, kind).into_iter();
        grants.filter_map(|grant| roles.role(&grant.role_name?)).collect()
    })
    .await
}

async fn role_grants(
    call: Call,
    args: GetRoleGrantsForPrincipalArgs,
) -> Result<GetRoleGrantsForPrincipalResponse, Failure> {
    let request = args.request.unwrap_or_default();
    let name = request.principal_name.unwrap_or_default();
    let kind = request.principal_type.unwrap_or(PrincipalType::USER);
    let grants = call.roles(|roles| roles.of_principal(&name, kind)).await?;
    Ok(GetRoleGrantsForPrincipalResponse {
        principal_grants: Some(grants),
    })
}

async fn principals_in_role(
    call: Call,
    args: GetPrincipalsInRoleArgs,
) -> Result<GetPrincipalsInRoleResponse, Failure> {
    let role = args.request.unwrap_or_default().role_name.unwrap_or_default();
    let members = call.roles(|roles| roles.members(&role)).await?;
    Ok(GetPrincipalsInRoleResponse {
        principal_grants: Some(members),
    })
}

async fn create_role(call: Call, args: CreateRoleArgs) -> Result<bool, Failure> {
    let (role, now_s) = (args.role.unwrap_or_default(), call.now_s());
    call.change_roles(|roles| roles.create(role.clone(), now_s)).await
}

async fn drop_role(call: Call, args: DropRoleArgs) -> Result<bool, Failure> {
    let name = args.role_name.unwrap_or_default();
    call.change_roles(|roles| roles.remove(&name)).await
}

async fn grant_revoke_role(
    call: Call,
    args: GrantRevokeRoleArgs,
) -> Result<GrantRevokeRoleResponse, Failure> {
    let request = args.request.unwrap_or_default();
    let option = request.grant_option.unwrap_or_default();
    let success = if request.request_type == Some(GrantRevokeType::REVOKE) {
        let role = request.role_name.unwrap_or_default();
        let name = request.principal_name.unwrap_or_default();
        let of = (
            role.as_str(),
            name.as_str(),
            request.principal_type.unwrap_or(PrincipalType::USER),
        );
        call.change_roles(|roles| roles.revoke_role(of, option)).await?
    } else {
        let grant = RolePrincipalGrant {
            role_name: request.role_name,
            principal_name: request.principal_name,
            principal_type: request.principal_type,
            grant_option: Some(option),
            grant_time: Some(call.now_s()),
            grantor_name: request.grantor,
            grantor_principal_type: request.grantor_type,
        };
        call.change_roles(|roles| roles.grant_role(&grant)).await?
    };
    Ok(GrantRevokeRoleResponse {
        success: Some(success),
    })
}

/// Returns an object with its names as they are kept: in lower case, and without a ref.
fn plain(mut object: HiveObjectRef) -> HiveObjectRef {
    let database = Asked::parse(object.db_name.as_deref(), object.cat_name.as_deref()).database;
    let database = database.filter(|name| !name.is_empty());
    object.db_name = database.map(|name| name.split('@').next().unwrap_or_default().to_lowercase());
    let lower = |name: Option<String>| {
        name.filter(|name| !name.is_empty())
            .map(|name| name.to_lowercase())
    };
    object.object_name = lower(object.object_name);
    object.column_name = lower(object.column_name);
    object
}

fn grants_of(bag: Option<PrivilegeBag>) -> Grants {
    let grants = bag.unwrap_or_default().privileges.unwrap_or_default();
    let with_plain_names = |grant: HiveObjectPrivilege| HiveObjectPrivilege {
        hive_object: grant.hive_object.map(plain),
        ..grant
    };
    grants.into_iter().map(with_plain_names).collect()
}

async fn grant(call: &Call, bag: Option<PrivilegeBag>) -> Result<bool, Failure> {
    let (grants, now_s) = (grants_of(bag), call.now_s());
    call.change_roles(|roles| roles.grant(&grants, now_s)).await
}

async fn revoke(call: &Call, bag: Option<PrivilegeBag>, option_only: bool) -> Result<bool, Failure> {
    let grants = grants_of(bag);
    call.change_roles(|roles| roles.revoke(&grants, option_only))
        .await
}

async fn refresh(call: Call, args: RefreshPrivilegesArgs) -> Result<GrantRevokePrivilegeResponse, Failure> {
    let object = plain(args.obj_to_refresh.unwrap_or_default());
    let authorizer = args.authorizer.unwrap_or_default();
    let grants = grants_of(args.grant_request.unwrap_or_default().privileges);
    let now_s = call.now_s();
    let success = call
        .change_roles(|roles| Ok(roles.refresh(&object, &authorizer, &grants, now_s)))
        .await?;
    Ok(GrantRevokePrivilegeResponse {
        success: Some(success),
    })
}

async fn list_privileges(call: Call, args: ListPrivilegesArgs) -> Result<Grants, Failure> {
    let object = args.hive_object.map(plain);
    let name = args.principal_name.filter(|name| !name.is_empty());
    call.roles(|roles| roles.list(name.as_deref(), args.principal_type, object.as_ref()))
        .await
}

async fn privilege_set(call: Call, args: GetPrivilegeSetArgs) -> Result<PrincipalPrivilegeSet, Failure> {
    let object = args.hive_object.unwrap_or_default();
    let asking = Asking::new(args.user_name, args.group_names);
    call.roles(|roles| asking.granted_on(roles, object)).await
}

/// Whose grants are asked for.
pub(super) struct Asking {
    user: Option<String>,
    groups: Vec<String>,
}

impl Asking {
    pub(super) fn new(user: Option<String>, groups: Option<Vec<String>>) -> Asking {
        let groups = groups.unwrap_or_default();
        Asking { user, groups }
    }

    /// Returns what was granted on an object to the user, to each group, and to each role that they have.
    pub(super) fn granted_on(&self, roles: &Roles, object: HiveObjectRef) -> PrincipalPrivilegeSet {
        let object = plain(object);
        let names = roles.roles_of(self.user.as_deref(), &self.groups);
        let (user, groups) = (self.user.clone(), self.groups.clone());
        PrincipalPrivilegeSet {
            user_privileges: Some(roles.privileges(&object, PrincipalType::USER, user)),
            group_privileges: Some(roles.privileges(&object, PrincipalType::GROUP, groups)),
            role_privileges: Some(roles.privileges(&object, PrincipalType::ROLE, names)),
        }
    }
}
