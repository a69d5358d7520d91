//! Hive catalogs, which are repositories.

use catalog::names::Pattern;
use catalog::warehouse::{is_within, overlap};
use catalog::{DEFAULT_DATABASE, Snapshot, WarehouseSettings};
use thrift_idl::methods::{
    AlterCatalog, AlterCatalogArgs, CreateCatalog, CreateCatalogArgs, DropCatalog, DropCatalogArgs,
    GetCatalog, GetCatalogArgs, GetCatalogs,
};
use thrift_idl::types::{Catalog, GetCatalogResponse, GetCatalogsResponse};
use versioning::{Error, RefName, Repository, RepositoryName};

use crate::catalogs::{CatalogNotes, repository_name, settings_of_catalog};
use crate::context::Call;
use crate::exception::{Class, Failure};
use crate::registry::Routes;
use crate::route::{Asked, DEFAULT_CATALOG};
use crate::target::Target;

/// The default branch of the repository of a new catalog.
const DEFAULT_BRANCH: &str = "main";

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<GetCatalogs, _, _>(get_catalogs)
        .serve::<GetCatalog, _, _>(get_catalog)
        .serve::<CreateCatalog, _, _>(create)
        .serve::<AlterCatalog, _, _>(alter)
        .serve::<DropCatalog, _, _>(drop)
}

async fn get_catalogs<A>(call: Call, _: A) -> Result<GetCatalogsResponse, Failure> {
    let repositories = &call.context.repositories;
    let mut names = vec![DEFAULT_CATALOG.to_owned()];
    for record in repositories.list().await? {
        // the listener's own is the one called `hive`
        if record.name == call.context.listener.repository {
            continue;
        }
        let notes = CatalogNotes::read(&repositories.get(&record.name).await?).await?;
        if !notes.is_dropped {
            names.push(notes.name.unwrap_or_else(|| record.name.to_string()));
        }
    }
    Ok(GetCatalogsResponse { names: Some(names) })
}

async fn get_catalog(call: Call, args: GetCatalogArgs) -> Result<GetCatalogResponse, Failure> {
    let name = args.cat_name.and_then(|request| request.name);
    let target = call.resolve(Asked::parse(None, name.as_deref())).await?;
    let repository = target.catalog.repository();
    let notes = CatalogNotes::read(repository).await?;
    let record = repository.record();
    let described = || Some(format!("repository {}", record.name));
    let is_made_here = notes.is_made_by_client();
    let catalog = Catalog {
        name: Some(target.names.catalog.clone()),
        description: if is_made_here {
            notes.description
        } else {
            notes.description.or_else(described)
        },
        location_uri: notes
            .location
            .or_else(|| Some(target.names.locator.uri(&catalog::location::Place::root()))),
        create_time: i32::try_from(record.created_us / 1_000_000).ok(),
        ..Catalog::default()
    };
    Ok(GetCatalogResponse {
        catalog: Some(catalog),
    })
}

async fn create(call: Call, args: CreateCatalogArgs) -> Result<(), Failure> {
    let wire = args
        .catalog
        .and_then(|request| request.catalog)
        .unwrap_or_default();
    let name = named(wire.name)?;
    let exists = || Failure::As(&[Class::AlreadyExists], format!("Catalog {name} already exists"));
    if name == DEFAULT_CATALOG {
        return Err(exists());
    }
    let repository_name =
        repository_name(&name).map_err(|error| Failure::As(&[Class::InvalidObject], error.to_string()))?;
    let _changing = call.context.catalogs_change.lock().await;
    let location = wire.location_uri.filter(|uri| !uri.is_empty());
    let warehouse = match &location {
        Some(uri) => warehouse_at(&call, uri).await?,
        None => None,
    };
    let present = match call.context.repositories.get(&repository_name).await {
        Ok(present) if !CatalogNotes::read(&present).await?.is_dropped => return Err(exists()),
        Ok(present) => Some(present),
        Err(Error::NotFound { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    if let Some(present) = &present {
        check_same_place(present, warehouse.as_ref())?;
    }
    if let Some(warehouse) = &warehouse {
        check_place_is_free(&call, &repository_name, &warehouse.root).await?;
        make_folder(&call, warehouse).await?;
    }
    let repository = match present {
        Some(present) => present,
        None => make_repository(&call, &repository_name, warehouse.as_ref()).await?,
    };
    if let Some(warehouse) = &warehouse {
        let catalog = call.context.catalog(&repository_name).await?;
        catalog::warehouse::found(&catalog, &warehouse.root).await?;
    }
    // last: until then it is half made, and is made again by the same call
    let notes = CatalogNotes {
        name: Some(name),
        description: wire.description,
        location,
        is_dropped: false,
    };
    Ok(notes.write(&repository).await?)
}

async fn make_repository(
    call: &Call,
    name: &RepositoryName,
    warehouse: Option<&WarehouseSettings>,
) -> Result<Repository, Failure> {
    let branch = RefName::parse(DEFAULT_BRANCH)?;
    let settings = warehouse.map(|warehouse| warehouse.put_into(&[]));
    let settings = settings_of_catalog(settings.unwrap_or_default());
    let repositories = &call.context.repositories;
    Ok(repositories.create_with(name, &branch, &settings).await?)
}

/// Returns the warehouse of a catalog at `location`, where the listener's own repository has a plain one: the catalogs
/// that its clients make are like it. Where it has none, `None`: a place that clients name is noted, and data lies in
/// the repository.
async fn warehouse_at(call: &Call, location: &str) -> Result<Option<WarehouseSettings>, Failure> {
    let Some(own) = own_warehouse(call).await? else {
        return Ok(None);
    };
    let settings = own.at(location)?;
    Ok(call.context.open_warehouse(&settings).map(|_| settings))
}

async fn make_folder(call: &Call, settings: &WarehouseSettings) -> Result<(), Failure> {
    if let Some(warehouse) = call.context.open_warehouse(settings) {
        warehouse.files().make_dir(&settings.root).await?;
    }
    Ok(())
}

/// Fails for a place that another repository has, or has a part of, so that none drops what is another's. Below the
/// warehouse of a repository that is no client's catalog there is room: clients of the original put catalogs there.
async fn check_place_is_free(call: &Call, name: &RepositoryName, root: &str) -> Result<(), Failure> {
    let repositories = &call.context.repositories;
    for record in repositories.list().await? {
        let Some(other) = WarehouseSettings::of(&record.settings)?.filter(|_| record.name != *name) else {
            continue;
        };
        let notes = CatalogNotes::read(&repositories.get(&record.name).await?).await?;
        let is_taken = match notes.is_made_by_client() {
            true => overlap(root, &other.root) && !notes.is_dropped,
            false => is_within(&other.root, root),
        };
        if is_taken {
            let text = format!(
                "{root} is within the place of the repository {}, or around it",
                record.name
            );
            return Err(Failure::As(&[Class::Meta], text));
        }
    }
    Ok(())
}

async fn own_warehouse(call: &Call) -> Result<Option<WarehouseSettings>, Failure> {
    let own = &call.context.listener.repository;
    let own = call.context.repositories.get(own).await?;
    Ok(WarehouseSettings::of(&own.record().settings)?)
}

/// Fails for a catalog that is made again elsewhere: its repository keeps its place.
fn check_same_place(repository: &Repository, wanted: Option<&WarehouseSettings>) -> Result<(), Failure> {
    let record = repository.record();
    let present = WarehouseSettings::of(&record.settings)?.map(|settings| settings.root);
    if present.as_ref() == wanted.map(|settings| &settings.root) {
        return Ok(());
    }
    let place = present.as_deref().unwrap_or("its own data folder");
    let text = format!(
        "the repository {} keeps its data in {place}: make the catalog there, or by another name",
        record.name
    );
    Err(Failure::As(&[Class::Meta], text))
}

fn named(name: Option<String>) -> Result<String, Failure> {
    let name = name.unwrap_or_default().trim().to_lowercase();
    if name.is_empty() {
        return Err(Failure::As(
            &[Class::InvalidObject, Class::NoSuchObject],
            "a catalog has to have a name".into(),
        ));
    }
    Ok(name)
}

async fn alter(call: Call, args: AlterCatalogArgs) -> Result<(), Failure> {
    let request = args.rqst.unwrap_or_default();
    let wire = request.new_cat.unwrap_or_default();
    let name = named(request.name)?;
    let target = call.resolve(Asked::parse(None, Some(&name))).await?;
    if named(wire.name)? != name {
        let text = "Cannot change a catalog's name";
        return Err(Failure::As(&[Class::InvalidOperation], text.into()));
    }
    let repository = target.catalog.repository();
    let _changing = call.context.catalogs_change.lock().await;
    let before = CatalogNotes::read(repository).await?;
    if before.is_dropped {
        return Err(Error::NotFound {
            what: "catalog",
            name,
        }
        .into());
    }
    let notes = CatalogNotes {
        description: wire.description,
        location: wire
            .location_uri
            .filter(|uri| !uri.is_empty())
            .or(before.location),
        ..before
    };
    Ok(notes.write(repository).await?)
}

async fn drop(call: Call, args: DropCatalogArgs) -> Result<(), Failure> {
    let request = args.cat_name.unwrap_or_default();
    let name = named(request.name)?;
    let target = match call.resolve(Asked::parse(None, Some(&name))).await {
        Err(Failure::Catalog(catalog::Error::Store(Error::NotFound { .. })))
            if request.if_exists == Some(true) =>
        {
            return Ok(());
        }
        target => target?,
    };
    let repository: &Repository = target.catalog.repository();
    if name == DEFAULT_CATALOG || repository.record().name == call.context.listener.repository {
        return Err(Failure::meta(format!("Can not drop {name} catalog")));
    }
    let _changing = call.context.catalogs_change.lock().await;
    check_empty(&target, &name).await?;
    let notes = CatalogNotes::read(repository).await?;
    let dropped = CatalogNotes {
        is_dropped: true,
        ..notes.clone()
    };
    dropped.write(repository).await?;
    // calls no longer find it: what came in between is seen now
    if let Err(refused) = check_empty(&target, &name).await {
        notes.write(repository).await?;
        return Err(refused);
    }
    if let Err(error) = remove_folder(&call, repository).await {
        tracing::warn!(catalog = %name, %error, "the folder of a dropped catalog stays");
    }
    Ok(())
}

/// Removes the folder of a catalog that was dropped, if nothing is left in it.
async fn remove_folder(call: &Call, repository: &Repository) -> Result<(), Failure> {
    let (own, dropped) = (
        own_warehouse(call).await?,
        WarehouseSettings::of(&repository.record().settings)?,
    );
    // by way of the listener's warehouse: each refuses to remove itself
    if let (Some(own), Some(dropped)) = (own, dropped)
        && let Some(warehouse) = call.context.open_warehouse(&own)
    {
        warehouse.files().remove_empty_dir(&dropped.root).await?;
    }
    Ok(())
}

/// Fails unless there is nothing on any branch but the database `default`.
async fn check_empty(target: &Target, name: &str) -> Result<(), Failure> {
    let repository = target.catalog.repository();
    for branch in repository.branches().await? {
        let at = match branch.name == repository.record().default_branch {
            true => String::new(),
            false => format!(" (on the branch {})", branch.name),
        };
        let snapshot = target.catalog.snapshot(&branch.name.into()).await?;
        if let Some(text) = content(&snapshot, name).await? {
            return Err(Failure::As(&[Class::InvalidOperation], text + &at));
        }
    }
    Ok(())
}

/// Returns what the original says of a catalog with something in it; `None` if there is nothing.
async fn content(snapshot: &Snapshot, name: &str) -> Result<Option<String>, Failure> {
    let databases = snapshot.databases(&Pattern::all()).await?;
    if databases.iter().any(|database| database != DEFAULT_DATABASE) {
        return Ok(Some(format!(
            "There are non-default databases in the catalog {name} so it cannot be dropped."
        )));
    }
    let database = snapshot.database(DEFAULT_DATABASE).await?;
    let is_empty = snapshot.tables(database.id, &Pattern::all()).await?.is_empty()
        && snapshot.functions(database.id, &Pattern::all()).await?.is_empty();
    Ok((!is_empty).then(|| format!("There are still objects in the default database for catalog {name}")))
}
