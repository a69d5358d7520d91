//! The named types of Hive 1, which no engine asks for and old tools still list. They are kept beside the repository
//! and have no versions.

use std::collections::BTreeMap;

use bytes::Bytes;
use thrift_idl::methods::{
    CreateType, CreateTypeArgs, DropType, DropTypeArgs, GetType, GetTypeAll, GetTypeAllArgs, GetTypeArgs,
};
use thrift_idl::types::Type;
use thrift_idl::{Encoder, Protocol, decode};

use crate::context::Call;
use crate::exception::{Class, Failure};
use crate::registry::Routes;
use crate::route::Asked;
use crate::target::Target;

const NAMESPACE: &str = "hive-types";

/// How many types a list has at most.
const LISTED_MAX: usize = 10_000;

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<CreateType, _, _>(create)
        .serve::<DropType, _, _>(remove)
        .serve::<GetType, _, _>(get)
        .serve::<GetTypeAll, _, _>(all)
}

async fn here(call: &Call) -> Result<Target, Failure> {
    call.resolve(Asked::parse(None, None)).await
}

async fn create(call: Call, args: CreateTypeArgs) -> Result<bool, Failure> {
    let new = args.r#type.unwrap_or_default();
    let name = new.name.clone().unwrap_or_default();
    if name.is_empty() || new.fields.iter().flatten().any(|field| field.name.is_none()) {
        return Err(Failure::As(&[Class::InvalidObject], "Invalid type name".into()));
    }
    let target = here(&call).await?;
    if find(&target, &name).await?.is_some() {
        return Err(Failure::As(
            &[Class::AlreadyExists],
            format!("Type {name} already exists"),
        ));
    }
    let mut bytes = Vec::new();
    Encoder::new(Protocol::Compact, &mut bytes).structure(&new);
    put(&target, name, Some(bytes.into())).await?;
    Ok(true)
}

async fn remove(call: Call, args: DropTypeArgs) -> Result<bool, Failure> {
    let (target, name) = (here(&call).await?, args.r#type.unwrap_or_default());
    let is_there = find(&target, &name).await?.is_some();
    if is_there {
        put(&target, name, None).await?;
    }
    Ok(is_there)
}

async fn get(call: Call, args: GetTypeArgs) -> Result<Type, Failure> {
    let name = args.name.unwrap_or_default();
    let found = find(&here(&call).await?, &name).await?;
    found.ok_or_else(|| no_such_type(&name))
}

/// Answers with all types; what is given in the call does not matter, as in the original.
async fn all(call: Call, _: GetTypeAllArgs) -> Result<BTreeMap<String, Type>, Failure> {
    let target = here(&call).await?;
    let (records, id) = target.catalog.repository().records();
    let found = records.kv_list(id, NAMESPACE, "", "", LISTED_MAX).await?;
    found
        .into_iter()
        .map(|(name, bytes)| Ok((name, read(&bytes)?)))
        .collect()
}

async fn find(target: &Target, name: &str) -> Result<Option<Type>, Failure> {
    let (records, id) = target.catalog.repository().records();
    let found = records.kv_get(id, NAMESPACE, name).await?;
    found.map(|bytes| read(&bytes)).transpose()
}

async fn put(target: &Target, name: String, value: Option<Bytes>) -> Result<(), Failure> {
    let (records, id) = target.catalog.repository().records();
    Ok(records.kv_write(id, NAMESPACE, &[(name, value)]).await?)
}

fn read(bytes: &[u8]) -> Result<Type, Failure> {
    decode(Protocol::Compact, bytes).map_err(|error| Failure::meta(format!("a stored type: {error}")))
}

fn no_such_type(name: &str) -> Failure {
    Failure::As(&[Class::NoSuchObject], format!("Type {name} not found"))
}
