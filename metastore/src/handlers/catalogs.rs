//! Hive catalogs, which are repositories.

use thrift_idl::methods::{GetCatalog, GetCatalogArgs, GetCatalogs};
use thrift_idl::types::{Catalog, GetCatalogResponse, GetCatalogsResponse};

use crate::context::Call;
use crate::exception::Failure;
use crate::registry::Routes;
use crate::route::{Asked, DEFAULT_CATALOG};

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<GetCatalogs, _, _>(get_catalogs)
        .serve::<GetCatalog, _, _>(get_catalog)
}

async fn get_catalogs<A>(call: Call, _: A) -> Result<GetCatalogsResponse, Failure> {
    let repositories = call.context.repositories.list().await?;
    // the listener's own is the one called `hive`
    let own = &call.context.listener.repository;
    let others = repositories.iter().filter(|record| record.name != *own);
    let names = others.map(|record| record.name.to_string());
    Ok(GetCatalogsResponse {
        names: Some(std::iter::once(DEFAULT_CATALOG.to_owned()).chain(names).collect()),
    })
}

async fn get_catalog(call: Call, args: GetCatalogArgs) -> Result<GetCatalogResponse, Failure> {
    let name = args.cat_name.and_then(|request| request.name);
    let target = call.resolve(Asked::parse(None, name.as_deref())).await?;
    let catalog = Catalog {
        name: Some(target.names.catalog.clone()),
        description: Some(format!(
            "repository {}",
            target.catalog.repository().record().name
        )),
        location_uri: Some(target.names.locator.uri(&catalog::location::Place::root())),
        create_time: i32::try_from(target.catalog.repository().record().created_us / 1_000_000).ok(),
        ..Catalog::default()
    };
    Ok(GetCatalogResponse {
        catalog: Some(catalog),
    })
}
