//! Repositories.

use axum::extract::State;
use axum::http::StatusCode;
use catalog::warehouse::DeleteMode;
use catalog::{Catalog, Layout, WarehouseSettings};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use versioning::{Repository, RepositoryName};

use crate::extract::{Json, Path};
use crate::state::ref_name;
use crate::{Api, Problem, ProblemBody};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, set))
        .routes(routes!(fsck))
}

/// A repository.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RepositoryBody {
    pub name: String,
    pub default_branch: String,
    /// Microseconds since the Unix epoch.
    pub created_us: u64,
    /// The folder for the data of its managed tables, if that is not skep's: such data has no versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<Warehouse>,
    /// Whether nothing in it is written any more.
    #[serde(default)]
    pub read_only: bool,
}

/// What of a repository is to be otherwise; what is not given stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepositoryChanges {
    /// Whether every write is refused: of tables and files, of commits and merges, of branches and tags.
    #[serde(default)]
    pub read_only: Option<bool>,
}

/// A plain warehouse.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Warehouse {
    /// Its URI, such as `file:/warehouse`.
    pub root: String,
    /// When data goes whose table was dropped: `keep`, which is meant if nothing is said, or `immediate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete: Option<String>,
    /// The folder to which it is moved then; without it, it is gone at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trash: Option<String>,
}

impl RepositoryBody {
    async fn of(repository: &Repository) -> Result<RepositoryBody, Problem> {
        let record = repository.record();
        Ok(RepositoryBody {
            name: record.name.to_string(),
            default_branch: record.default_branch.to_string(),
            created_us: record.created_us,
            // settings that cannot be read are told by whoever opens the warehouse
            warehouse: WarehouseSettings::of(&record.settings)
                .ok()
                .flatten()
                .map(Into::into),
            read_only: repository.rules().await?.read_only,
        })
    }
}

impl From<WarehouseSettings> for Warehouse {
    fn from(settings: WarehouseSettings) -> Warehouse {
        Warehouse {
            root: settings.root,
            delete: Some(settings.delete.as_str().to_owned()),
            trash: settings.trash,
        }
    }
}

/// A repository that is to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRepository {
    pub name: String,
    /// `main` if not given.
    #[serde(default)]
    pub default_branch: Option<String>,
    /// A folder that is not skep's for the data of its managed tables; `None` keeps it in the repository.
    #[serde(default)]
    pub warehouse: Option<Warehouse>,
    /// Where its databases lie whose `skep.layout` says nothing: `ref`, or `shared` for Iceberg tables alone.
    #[serde(default)]
    pub layout: Option<String>,
}

/// What a verification found.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FsckBody {
    pub branches: u64,
    pub tags: u64,
    pub commits: u64,
    pub nodes: u64,
    pub blobs: u64,
    pub objects: u64,
    pub data_files: u64,
    /// Empty means sound.
    pub problems: Vec<String>,
}

/// Lists all repositories.
#[utoipa::path(get, path = "/repositories", responses((status = 200, body = Vec<RepositoryBody>)))]
async fn list(State(api): State<Api>) -> Result<Json<Vec<RepositoryBody>>, Problem> {
    let mut all = Vec::new();
    for record in api.repositories.list().await? {
        let repository = api.repositories.get(&record.name).await?;
        all.push(RepositoryBody::of(&repository).await?);
    }
    Ok(Json(all))
}

/// Creates a repository.
#[utoipa::path(post, path = "/repositories", request_body = NewRepository,
    responses((status = 201, body = RepositoryBody), (status = 409, body = ProblemBody)))]
async fn create(
    State(api): State<Api>,
    Json(new): Json<NewRepository>,
) -> Result<(StatusCode, Json<RepositoryBody>), Problem> {
    let name = RepositoryName::parse(&new.name)?;
    let branch = ref_name(new.default_branch.as_deref().unwrap_or("main"))?;
    let warehouse = new.warehouse.as_ref().map(warehouse_settings).transpose()?;
    let mut settings = Vec::new();
    if let Some(warehouse) = &warehouse {
        settings = warehouse.put_into(&settings);
    }
    if let Some(layout) = &new.layout {
        settings = Layout::parse(layout)?.put_into(&settings);
    }
    let repository = api.repositories.create_with(&name, &branch, &settings).await?;
    if let Some(warehouse) = warehouse {
        catalog::warehouse::found(&Catalog::new(repository.clone()), &warehouse.root).await?;
    }
    Ok((StatusCode::CREATED, Json(RepositoryBody::of(&repository).await?)))
}

fn warehouse_settings(warehouse: &Warehouse) -> Result<WarehouseSettings, Problem> {
    let delete = warehouse.delete.as_deref().map(DeleteMode::parse).transpose()?;
    let trash = warehouse.trash.as_deref();
    Ok(WarehouseSettings::new(
        &warehouse.root,
        delete.unwrap_or_default(),
        trash,
    )?)
}

/// Returns a repository.
#[utoipa::path(get, path = "/repositories/{repository}", params(("repository" = String, Path)),
    responses((status = 200, body = RepositoryBody), (status = 404, body = ProblemBody)))]
async fn get(State(api): State<Api>, Path(name): Path<String>) -> Result<Json<RepositoryBody>, Problem> {
    let repository = api.repository(&name).await?;
    Ok(Json(RepositoryBody::of(&repository).await?))
}

/// Changes whether a repository takes writes.
#[utoipa::path(patch, path = "/repositories/{repository}", params(("repository" = String, Path)),
    request_body = RepositoryChanges,
    responses((status = 200, body = RepositoryBody), (status = 404, body = ProblemBody)))]
async fn set(
    State(api): State<Api>,
    Path(name): Path<String>,
    Json(changes): Json<RepositoryChanges>,
) -> Result<Json<RepositoryBody>, Problem> {
    let repository = api.repository(&name).await?;
    if let Some(read_only) = changes.read_only {
        repository.set_read_only(read_only).await?;
    }
    Ok(Json(RepositoryBody::of(&repository).await?))
}

/// Verifies everything that the refs of a repository reach.
#[utoipa::path(post, path = "/repositories/{repository}/fsck", params(("repository" = String, Path)),
    responses((status = 200, body = FsckBody), (status = 404, body = ProblemBody)))]
async fn fsck(State(api): State<Api>, Path(name): Path<String>) -> Result<Json<FsckBody>, Problem> {
    let report = versioning::fsck::fsck(&api.repository(&name).await?).await?;
    Ok(Json(report.into()))
}

impl From<versioning::fsck::Report> for FsckBody {
    fn from(report: versioning::fsck::Report) -> FsckBody {
        FsckBody {
            branches: report.branches,
            tags: report.tags,
            commits: report.commits,
            nodes: report.nodes,
            blobs: report.blobs,
            objects: report.objects,
            data_files: report.data_files,
            problems: report.problems,
        }
    }
}
