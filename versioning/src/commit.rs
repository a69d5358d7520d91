//! The commit object: four roots, its parents, and who made it, when and why.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::codec::{DecodeError, Reader, put_bytes, put_varint};
use crate::tree::{Link, Root};
use crate::{CommitId, Error, Hash, Result, Roots};

/// How a commit came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum CommitKind {
    Normal = 0,
    Merge = 1,
    Import = 2,
    Revert = 3,
    CherryPick = 4,
    /// Made by the server: the first commit, and those of the modes `coalesce` and `sync`.
    Auto = 5,
}

impl CommitKind {
    pub(crate) const ALL: [CommitKind; 6] = [
        CommitKind::Normal,
        CommitKind::Merge,
        CommitKind::Import,
        CommitKind::Revert,
        CommitKind::CherryPick,
        CommitKind::Auto,
    ];
}

/// Which operations of which branch a commit sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sealed {
    pub incarnation: [u8; 16],
    pub from_seq: u64,
    pub to_seq: u64,
}

/// An immutable snapshot of a repository, with its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    pub kind: CommitKind,
    /// The version of the merge rules by which a merge was made, so that it can be repeated.
    pub rules_version: u32,
    /// First the branch that moved, then what was merged into it.
    pub parents: Vec<CommitId>,
    /// 1 more than the greatest generation of the parents; 0 for the first commit.
    pub generation: u64,
    /// First-parent ancestors at distances 2, 4, 8, … (at most 20).
    pub skips: Vec<CommitId>,
    pub roots: Roots,
    pub author: String,
    pub committer: String,
    /// Microseconds since the Unix epoch.
    pub time_us: u64,
    pub message: String,
    pub metadata: BTreeMap<String, String>,
    pub sealed: Sealed,
    /// Checks that judged this commit before it landed: their name, and the commit they read.
    pub attested: Vec<(String, CommitId)>,
    /// Sets this commit apart from any other with the same content.
    pub write_id: [u8; 16],
}

/// How long what people say of a commit may be: its message, its author, and all of its metadata. A commit is read whole
/// with each page of a log.
pub const MESSAGE_BYTES_MAX: usize = 64 << 10;
pub const AUTHOR_BYTES_MAX: usize = 1 << 10;
pub const METADATA_BYTES_MAX: usize = 64 << 10;

/// Fails if what somebody says of a commit is too long.
pub(crate) fn check_words(author: &str, message: &str, metadata: &BTreeMap<String, String>) -> Result<()> {
    let metadata = metadata.iter().map(|(key, value)| key.len() + value.len());
    for (what, bytes, limit) in [
        ("the message", message.len(), MESSAGE_BYTES_MAX),
        ("the author", author.len(), AUTHOR_BYTES_MAX),
        ("the metadata", metadata.sum(), METADATA_BYTES_MAX),
    ] {
        if bytes > limit {
            let limit = limit as u64;
            return Err(Error::TooLarge { what, limit });
        }
    }
    Ok(())
}

/// The longest list of skips: enough for a million commits.
pub const SKIPS_MAX: usize = 20;
const FORMAT: u8 = 1;

impl Commit {
    /// Returns about how many bytes it takes in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        let texts = [&self.author, &self.committer, &self.message].map(String::len);
        let metadata = self.metadata.iter().map(|(key, value)| key.len() + value.len());
        let checks = self.attested.iter().map(|(check, _)| check.len());
        // ids, and the three words of each text
        let others = 32 * (self.parents.len() + self.skips.len() + self.attested.len())
            + 48 * self.metadata.len()
            + 24 * self.attested.len();
        let texts = texts.into_iter().chain(metadata).chain(checks).sum::<usize>();
        size_of::<Commit>() + texts + others
    }

    /// Returns the canonical bytes, of which the id is the hash.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT, self.kind as u8];
        put_varint(&mut out, u64::from(self.rules_version));
        put_ids(&mut out, &self.parents);
        put_varint(&mut out, self.generation);
        put_ids(&mut out, &self.skips);
        for root in &self.roots.0 {
            put_root(&mut out, root.as_ref());
        }
        for text in [&self.author, &self.committer, &self.message] {
            put_bytes(&mut out, text.as_bytes());
        }
        put_varint(&mut out, self.time_us);
        put_varint(&mut out, self.metadata.len() as u64);
        for (key, value) in &self.metadata {
            put_bytes(&mut out, key.as_bytes());
            put_bytes(&mut out, value.as_bytes());
        }
        out.extend_from_slice(&self.sealed.incarnation);
        put_varint(&mut out, self.sealed.from_seq);
        put_varint(&mut out, self.sealed.to_seq);
        put_varint(&mut out, self.attested.len() as u64);
        for (check, commit) in &self.attested {
            put_bytes(&mut out, check.as_bytes());
            out.extend_from_slice(&commit.0.0);
        }
        out.extend_from_slice(&self.write_id);
        out
    }

    /// Returns the places of the roots, which are stored beside the canonical bytes and not hashed, and behind
    /// them a checksum of their own.
    pub fn encode_places(&self) -> Vec<u8> {
        let mut places = Vec::new();
        for root in self.roots.0.iter().flatten() {
            root.link.put_place(&mut places);
        }
        let checksum = xxh3_64(&places);
        places.extend_from_slice(&checksum.to_le_bytes());
        places
    }

    /// Reads what [`Commit::encode`] and [`Commit::encode_places`] wrote. That the canonical bytes are those
    /// of `id` was verified where they were read.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn decode(id: CommitId, canonical: &[u8], places: &[u8]) -> Result<Commit> {
        Self::read_all(canonical, places).map_err(|error| Error::Corrupt {
            what: "commit",
            key: id.to_string(),
            message: error.to_string(),
        })
    }

    fn read_all(canonical: &[u8], places: &[u8]) -> Result<Commit, DecodeError> {
        let mut commit = Self::read(&mut Reader::new(canonical))?;
        let (places, checksum) = places.split_last_chunk().ok_or(DecodeError::Truncated)?;
        if xxh3_64(places) != u64::from_le_bytes(*checksum) {
            return Err(DecodeError::Canonical(
                "the places of its trees do not match their checksum",
            ));
        }
        let mut places = Reader::new(places);
        for root in commit.roots.0.iter_mut().flatten() {
            root.link.read_place(&mut places)?;
        }
        places.finish()?;
        Ok(commit)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Commit, DecodeError> {
        expect_tag(reader, FORMAT)?;
        let kind = reader.byte()?;
        let kind = *CommitKind::ALL
            .get(usize::from(kind))
            .ok_or(DecodeError::Tag(u64::from(kind)))?;
        let rules_version = read_u32(reader)?;
        let parents = read_ids(reader)?;
        let generation = reader.varint()?;
        let skips = read_ids(reader)?;
        let mut roots = Roots::default();
        for root in &mut roots.0 {
            *root = read_root(reader)?;
        }
        let author = reader.text()?.to_owned();
        let committer = reader.text()?.to_owned();
        let message = reader.text()?.to_owned();
        let time_us = reader.varint()?;
        let mut metadata = BTreeMap::new();
        for _ in 0..reader.length()? {
            let key = reader.text()?.to_owned();
            metadata.insert(key, reader.text()?.to_owned());
        }
        let sealed = Sealed {
            incarnation: reader.array()?,
            from_seq: reader.varint()?,
            to_seq: reader.varint()?,
        };
        let mut attested = Vec::new();
        for _ in 0..reader.length()? {
            let check = reader.text()?.to_owned();
            attested.push((check, CommitId(Hash(reader.array()?))));
        }
        let write_id = reader.array()?;
        reader.finish()?;
        Ok(Commit {
            kind,
            rules_version,
            parents,
            generation,
            skips,
            roots,
            author,
            committer,
            time_us,
            message,
            metadata,
            sealed,
            attested,
            write_id,
        })
    }
}

fn expect_tag(reader: &mut Reader<'_>, tag: u8) -> Result<(), DecodeError> {
    match reader.byte()? {
        found if found == tag => Ok(()),
        found => Err(DecodeError::Tag(u64::from(found))),
    }
}

fn put_ids(out: &mut Vec<u8>, ids: &[CommitId]) {
    put_varint(out, ids.len() as u64);
    for id in ids {
        out.extend_from_slice(&id.0.0);
    }
}

fn read_ids(reader: &mut Reader<'_>) -> Result<Vec<CommitId>, DecodeError> {
    let mut ids = Vec::new();
    for _ in 0..reader.length()? {
        ids.push(CommitId(Hash(reader.array()?)));
    }
    Ok(ids)
}

fn put_root(out: &mut Vec<u8>, root: Option<&Root>) {
    match root {
        None => out.push(0),
        Some(root) => {
            out.push(1);
            out.extend_from_slice(&root.link.hash.0);
            out.push(root.height);
            put_varint(out, root.count);
            put_varint(out, root.weight);
        }
    }
}

fn read_root(reader: &mut Reader<'_>) -> Result<Option<Root>, DecodeError> {
    match reader.byte()? {
        0 => Ok(None),
        1 => {
            let link = Link::unplaced(Hash(reader.array()?));
            Ok(Some(Root {
                link,
                height: reader.byte()?,
                count: reader.varint()?,
                weight: reader.varint()?,
            }))
        }
        other => Err(DecodeError::Tag(u64::from(other))),
    }
}

fn read_u32(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    u32::try_from(reader.varint()?).map_err(|_| DecodeError::Varint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_as_long_as_they_may_be() {
        let of = |author: usize, message: usize, metadata: usize| {
            let metadata = [("key".to_owned(), "v".repeat(metadata.saturating_sub(3)))].into();
            check_words(&"a".repeat(author), &"m".repeat(message), &metadata)
        };
        assert!(of(AUTHOR_BYTES_MAX, MESSAGE_BYTES_MAX, METADATA_BYTES_MAX).is_ok());
        assert!(of(AUTHOR_BYTES_MAX + 1, 0, 0).is_err());
        assert!(of(0, MESSAGE_BYTES_MAX + 1, 0).is_err());
        assert!(of(0, 0, METADATA_BYTES_MAX + 1).is_err());
    }

    #[test]
    fn words_count_as_memory() {
        let mut commit = example();
        let before = commit.memory_bytes();
        commit.message += &"m".repeat(1_000);
        commit.metadata.insert("k".repeat(1_000), "v".repeat(1_000));
        assert!(commit.memory_bytes() >= before + 3_000);
    }
    use crate::id::Domain;

    fn example() -> Commit {
        let id = |byte| CommitId(Hash([byte; 32]));
        let link = Link {
            hash: Hash([9; 32]),
            epoch: 2,
            variant: 5,
            stored_len: 777,
        };
        let mut roots = Roots::default();
        roots.0[1] = Some(Root {
            link,
            height: 1,
            count: 1_000,
            weight: 0,
        });
        Commit {
            kind: CommitKind::Merge,
            rules_version: 1,
            parents: vec![id(1), id(2)],
            generation: 300,
            skips: vec![id(3)],
            roots,
            author: "ann".into(),
            committer: "skep".into(),
            time_us: 1_700_000_000_000_000,
            message: "étude".into(),
            metadata: BTreeMap::from([("k".into(), "v".into())]),
            sealed: Sealed {
                incarnation: [4; 16],
                from_seq: 1,
                to_seq: 9,
            },
            attested: vec![("check".into(), id(5))],
            write_id: [6; 16],
        }
    }

    fn id(commit: &Commit) -> CommitId {
        CommitId(Hash::of(Domain::Commit, &commit.encode()))
    }

    #[test]
    fn commits_round_trip() {
        let (canonical, places) = (example().encode(), example().encode_places());
        let read = Commit::decode(id(&example()), &canonical, &places).unwrap();
        assert_eq!(read, example());
        let place = read.roots.0[1].unwrap().link;
        assert_eq!((place.epoch, place.variant, place.stored_len), (2, 5, 777));
        for cut in 0..canonical.len() {
            assert!(Commit::decode(id(&example()), &canonical[..cut], &places).is_err());
        }
        for at in 0..places.len() {
            assert!(Commit::decode(id(&example()), &canonical, &places[..at]).is_err());
            let mut damaged = places.clone();
            damaged[at] ^= 1;
            assert!(
                Commit::decode(id(&example()), &canonical, &damaged).is_err(),
                "place {at}"
            );
        }
    }

    #[test]
    fn places_do_not_change_the_id() {
        let mut moved = example();
        moved.roots.0[1].as_mut().unwrap().link.epoch = 8;
        assert_eq!(id(&moved), id(&example()));
    }

    #[test]
    fn the_first_format_stays_readable() {
        let golden = "3b32e0b0305751adb18cde2b26d3c9bff679e2f4697dc7c2a3f84418495b72e6";
        assert_eq!(id(&example()).to_string(), golden);
    }
}
