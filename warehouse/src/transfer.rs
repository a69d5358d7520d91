//! Moves and removes what is in a folder, object by object: S3 has no folders that could be moved.

use futures::future::join_all;

use crate::client::{Client, Listed};
use crate::fault::Fault;
use crate::place::{Place, is_nameable};

/// Moves a folder, or a file, to a place where nothing is. Until all of it is copied, nothing of the old one goes; if
/// a copy fails, those that were made go again.
pub(crate) async fn move_all(client: &Client, from: &Place, to: &Place) -> Result<(), Fault> {
    let objects = contents(client, from).await?;
    if objects.is_empty() {
        return Err(Fault::NotThere);
    }
    if let Some(found) = objects.iter().find(|object| !is_nameable(&object.key)) {
        let key = found.key.clone();
        return Err(Fault::Unnameable { key });
    }
    let moved = |key: &str| to.with_key(format!("{}{}", to.key, &key[from.key.len()..]));
    if let Err(fault) = copy_all(client, from, &objects, moved).await {
        let copies: Vec<String> = objects.iter().map(|object| moved(&object.key).key).collect();
        if let Err(fault) = client.delete(&to.bucket, &copies).await {
            tracing::warn!(%fault, bucket = to.bucket, key = to.key, "what was copied of a folder stays");
        }
        return Err(fault);
    }
    // all of it is at its new place, and perhaps not at the old one any more: there is no way back
    let keys: Vec<String> = objects.into_iter().map(|object| object.key).collect();
    if let Err(fault) = client.delete(&from.bucket, &keys).await {
        tracing::warn!(%fault, bucket = from.bucket, key = from.key, "a folder was moved, and stays at its old place, too");
    }
    Ok(())
}

async fn copy_all(
    client: &Client,
    from: &Place,
    objects: &[Listed],
    moved: impl Fn(&str) -> Place,
) -> Result<(), Fault> {
    for chunk in objects.chunks(client.limits.copies) {
        let copies = chunk.iter().map(|object| {
            let (from, to) = (from.with_key(object.key.clone()), moved(&object.key));
            async move { client.copy(&from, &to, object.bytes).await }
        });
        // all are waited for: what is taken back then is all there is
        join_all(copies)
            .await
            .into_iter()
            .collect::<Result<(), Fault>>()?;
    }
    Ok(())
}

/// Returns the objects of a folder with its marker, or the file that a place is.
async fn contents(client: &Client, place: &Place) -> Result<Vec<Listed>, Fault> {
    let objects_max = client.limits.moved_objects_max;
    let (prefix, mut objects, mut from) = (place.prefix(), Vec::new(), None);
    loop {
        let page = client.page(&place.bucket, &prefix, client.limits.page_keys, from.as_deref());
        let page = page.await?;
        objects.extend(page.objects);
        if objects.len() > objects_max {
            return Err(Fault::TooMany { objects_max });
        }
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    if objects.is_empty()
        && let Some(bytes) = client.size(place).await?
    {
        let key = place.key.clone();
        objects.push(Listed { key, bytes });
    }
    Ok(objects)
}

/// Removes a folder with all that is in it, or a file; returns whether there was anything.
pub(crate) async fn remove_all(client: &Client, place: &Place) -> Result<bool, Fault> {
    let (prefix, mut from, mut found) = (place.prefix(), None, false);
    loop {
        let page = client.page(&place.bucket, &prefix, client.limits.page_keys, from.as_deref());
        let page = page.await?;
        found |= !page.objects.is_empty();
        let keys: Vec<String> = page.objects.into_iter().map(|object| object.key).collect();
        client.delete(&place.bucket, &keys).await?;
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    if !found && client.size(place).await?.is_some() {
        client
            .delete(&place.bucket, std::slice::from_ref(&place.key))
            .await?;
        found = true;
    }
    Ok(found)
}
