//! The objects of a view as a store that DataFusion can read: nothing can be written.

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::DateTime;
use datafusion::object_store::path::Path;
use datafusion::object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use versioning::object::Object;
use versioning::{KeyRange, Repository, Space, View};

const STORE: &str = "skep";

/// The data of one ref, as it was when the query began.
#[derive(Debug, Clone)]
pub(crate) struct ViewStore {
    repository: Repository,
    view: View,
}

impl ViewStore {
    pub(crate) fn new(repository: Repository, view: View) -> ViewStore {
        ViewStore { repository, view }
    }

    async fn object(&self, location: &Path) -> Result<Object> {
        let found = self.view.object(location.as_ref()).await.map_err(failed)?;
        found.ok_or_else(|| Error::NotFound {
            path: location.to_string(),
            source: "no such object".into(),
        })
    }
}

impl fmt::Display for ViewStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{STORE}://{}/{}",
            self.repository.record().name,
            self.view.head()
        )
    }
}

/// Returns a path as the store's type, which stands for these very bytes; `None` for the few that it cannot
/// hold, such as those with empty segments or control characters.
pub(crate) fn location(path: &str) -> Option<Path> {
    Path::parse(path).ok().filter(|parsed| parsed.as_ref() == path)
}

/// Returns what DataFusion wants to know of an object.
pub(crate) fn meta(location: Path, object: &Object) -> ObjectMeta {
    let modified = i64::try_from(object.modified_us)
        .ok()
        .and_then(DateTime::from_timestamp_micros);
    ObjectMeta {
        location,
        last_modified: modified.unwrap_or_default(),
        size: object.size(),
        e_tag: Some(object.etag.clone()),
        version: None,
    }
}

fn failed(error: versioning::Error) -> Error {
    Error::Generic {
        store: STORE,
        source: Box::new(error),
    }
}

fn read_only() -> Error {
    Error::NotSupported {
        source: "queries cannot write".into(),
    }
}

#[async_trait]
impl ObjectStore for ViewStore {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let object = self.object(location).await?;
        let meta = meta(location.clone(), &object);
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            None => 0..meta.size,
            Some(range) => range.as_range(meta.size).map_err(|error| Error::Generic {
                store: STORE,
                source: error.into(),
            })?,
        };
        let bytes = match options.head {
            true => stream::empty().boxed(),
            false => self
                .repository
                .read(&object, range.clone())
                .map_err(failed)
                .boxed(),
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(bytes),
            meta,
            range,
            attributes: Attributes::new(),
        })
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let below = prefix
            .filter(|prefix| !prefix.as_ref().is_empty())
            .map(|prefix| format!("{prefix}/"));
        let range = below.map_or_else(KeyRange::all, |below| KeyRange::prefix(below.into_bytes()));
        let scan = self.view.scan(Space::Objects, range);
        stream::try_unfold(scan, |mut scan| async move {
            loop {
                let Some(entry) = scan.next().await.map_err(failed)? else {
                    return Ok(None);
                };
                let object = Object::decode(entry.key, entry.payload).map_err(failed)?;
                // directory markers, and the few paths that this type of store cannot name
                let Some(path) = std::str::from_utf8(entry.key).ok().and_then(location) else {
                    continue;
                };
                return Ok(Some((meta(path, &object), scan)));
            }
        })
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let depth = prefix.map_or(0, |prefix| prefix.parts().count());
        let mut found = ListResult {
            common_prefixes: Vec::new(),
            objects: Vec::new(),
        };
        let mut all = self.list(prefix);
        while let Some(meta) = all.try_next().await? {
            if meta.location.parts().count() == depth + 1 {
                found.objects.push(meta);
                continue;
            }
            let folder = Path::from_iter(meta.location.parts().take(depth + 1));
            if found.common_prefixes.last() != Some(&folder) {
                found.common_prefixes.push(folder);
            }
        }
        Ok(found)
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(read_only())
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(read_only())
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        locations.map(|_| Err(read_only())).boxed()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(read_only())
    }
}

/// Reads a range of bytes, for those who do without DataFusion.
pub(crate) async fn read_range(
    repository: &Repository,
    object: &Object,
    range: Range<u64>,
) -> versioning::Result<Bytes> {
    let mut bytes = BytesMut::new();
    let mut pieces = repository.read(object, range);
    while let Some(piece) = pieces.try_next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}
