//! The encoding of nodes: every node has one, everything else is refused, and version 1 stays as it is.

use std::path::Path;

use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::boundary::Shape;
use super::builder::{Encoded, NodeBuilder};
use super::node::Node;
use super::{BLOBS_MAX, KEY_BYTES_MAX, Link, Totals, VALUE_BYTES_MAX};
use crate::id::Domain;
use crate::{BlobRef, Hash, Space, Value};

/// Encodes a decoded node again.
fn again(node: &Node) -> Encoded {
    let mut builder = NodeBuilder::new(Shape::of(Space::Parts), node.level());
    for index in 0..node.len() {
        match (node.entry(index), node.child(index)) {
            (Some(entry), _) => builder.push_entry(&entry),
            (None, Some((link, totals))) => builder.push_child(node.key(index), link, totals),
            (None, None) => unreachable!("a node is a leaf or internal"),
        };
    }
    builder.finish()
}

fn leaf<'a>(entries: impl IntoIterator<Item = (&'a [u8], &'a Value)>) -> Encoded {
    let mut builder = NodeBuilder::new(Shape::of(Space::Parts), 0);
    for (key, value) in entries {
        builder.push_value(key, value);
    }
    builder.finish()
}

fn blob(name: &str, epoch: u32) -> BlobRef {
    BlobRef {
        hash: Hash::of(Domain::Blob, name.as_bytes()),
        epoch,
    }
}

fn golden_leaf() -> Encoded {
    let value = |i: usize| Value {
        payload: Bytes::from(format!("value {i}")),
        blobs: [blob("columns", 1), blob("storage", 2)][..i % 3].to_vec(),
        weight: (i * i) as u64,
    };
    let entries: Vec<_> = (0..40)
        .map(|i| (format!("t/dt=2026-01-{i:02}/hr={}", i % 5), value(i)))
        .collect();
    leaf(entries.iter().map(|(key, value)| (key.as_bytes(), value)))
}

fn golden_plain_leaf() -> Encoded {
    let value = |payload: &'static [u8]| Value {
        payload: payload.into(),
        ..Value::default()
    };
    let values = [value(b""), value(b"1"), value(b"22")];
    leaf([&b""[..], b"a", b"ab"].into_iter().zip(&values))
}

fn golden_internal() -> Encoded {
    let mut builder = NodeBuilder::new(Shape::of(Space::Parts), 2);
    for i in 0..20u32 {
        let link = Link {
            hash: Hash::of(Domain::Node, &i.to_be_bytes()),
            epoch: 3 + i % 2,
            variant: i * 7,
            stored_len: 9_000 + i,
        };
        let totals = Totals {
            count: u64::from(i) * 500 + 1,
            weight: 1 << i,
        };
        builder.push_child(format!("t/dt=2026-{i:02}").as_bytes(), &link, totals);
    }
    builder.finish()
}

/// The files are only ever added to: stored trees have to stay readable, and their hashes the same.
#[test]
fn version_1_stays_as_it_is() {
    for (name, node) in [
        ("leaf", golden_leaf()),
        ("plain-leaf", golden_plain_leaf()),
        ("internal", golden_internal()),
    ] {
        for (part, bytes) in [("hashed", &node.hashed), ("physical", &node.physical)] {
            let path = format!("tests/golden/node-v1-{name}.{part}");
            let path = Path::new(&path);
            if !path.exists() {
                std::fs::write(path, bytes).unwrap();
                panic!("{} is new: look at it and commit it", path.display());
            }
            assert_eq!(&std::fs::read(path).unwrap(), bytes, "{}", path.display());
        }
        let read = again(&node.decode().unwrap());
        assert_eq!((read.hashed, read.physical), (node.hashed, node.physical));
    }
}

#[test]
fn limits_are_held_at_their_edge() {
    let node = |key: usize, payload: usize, blobs: usize| {
        let value = Value {
            payload: vec![0; payload].into(),
            blobs: (0..blobs).map(|i| blob(&i.to_string(), 1)).collect(),
            weight: 0,
        };
        leaf([(&vec![b'k'; key][..], &value)]).decode()
    };
    assert!(node(KEY_BYTES_MAX, VALUE_BYTES_MAX, BLOBS_MAX).is_ok());
    assert!(node(KEY_BYTES_MAX + 1, 0, 0).is_err());
    assert!(node(0, VALUE_BYTES_MAX + 1, 0).is_err());
    assert!(node(0, 0, BLOBS_MAX + 1).is_err());
}

#[test]
fn the_order_in_which_blobs_come_does_not_show() {
    let value = |names: [&str; 2]| Value {
        blobs: names.map(|name| blob(name, 1)).to_vec(),
        ..Value::default()
    };
    let (ab, ba) = (value(["a", "b"]), value(["b", "a"]));
    let entry = |encoded: &Encoded, index| encoded.decode().unwrap().entry(index).unwrap().value();
    let node = leaf([(&b"1"[..], &ab), (b"2", &ba)]);
    assert_eq!((entry(&node, 0), entry(&node, 1)), (ab.clone(), ba.clone()));
    let swapped = leaf([(&b"1"[..], &ba), (b"2", &ab)]);
    assert_eq!(node.physical, swapped.physical, "the dictionary is sorted");
    assert_ne!(node.hashed, swapped.hashed);
}

#[test]
fn of_two_copies_of_a_blob_the_younger_is_kept() {
    let value = |epoch| Value {
        blobs: vec![blob("a", epoch)],
        ..Value::default()
    };
    let node = leaf([(&b"1"[..], &value(2)), (b"2", &value(5)), (b"3", &value(4))]);
    assert_eq!(node.decode().unwrap().blobs()[0].epoch, 5);
}

fn value() -> impl Strategy<Value = Value> {
    let blobs = vec((0..5u8, any::<u32>()), 0..4);
    let weight = prop_oneof![3 => Just(0), 1 => 0..u64::from(u32::MAX)];
    (vec(any::<u8>(), 0..40), blobs, weight).prop_map(|(payload, blobs, weight)| Value {
        payload: payload.into(),
        blobs: blobs
            .into_iter()
            .map(|(name, _)| blob(&name.to_string(), 9))
            .collect(),
        weight,
    })
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    let letters = vec(prop_oneof![Just(b'a'), Just(b'b'), Just(0), Just(255)], 0..12);
    (prop_oneof![Just(vec![]), Just(vec![b'p'; 1000])], letters).prop_map(|(mut prefix, letters)| {
        prefix.extend(letters);
        prefix
    })
}

fn any_leaf() -> impl Strategy<Value = (Vec<(Vec<u8>, Value)>, Encoded)> {
    btree_map(key(), value(), 1..60).prop_map(|entries| {
        let node = leaf(entries.iter().map(|(key, value)| (&key[..], value)));
        (entries.into_iter().collect(), node)
    })
}

fn any_internal() -> impl Strategy<Value = Encoded> {
    let child = (
        any::<[u8; 32]>(),
        any::<[u32; 3]>(),
        1..u64::from(u32::MAX),
        0..u64::from(u32::MAX),
    );
    (1..20u8, btree_map(key(), child, 1..60)).prop_map(|(level, children)| {
        let mut builder = NodeBuilder::new(Shape::of(Space::Parts), level);
        for (key, (hash, [epoch, variant, stored_len], count, weight)) in children {
            let link = Link {
                hash: Hash(hash),
                epoch,
                variant,
                stored_len,
            };
            builder.push_child(&key, &link, Totals { count, weight });
        }
        builder.finish()
    })
}

/// A small change of some bytes: what a disk, or somebody who means harm, might do.
#[derive(Debug, Clone)]
enum Harm {
    Set(usize, u8),
    Add(usize, u8),
    Insert(usize, u8),
    Remove(usize, usize),
    Repeat(usize, usize),
    Cut(usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    let at = 0..100_000usize;
    prop_oneof![
        4 => (at.clone(), any::<u8>()).prop_map(|(at, byte)| Harm::Set(at, byte)),
        4 => (at.clone(), prop_oneof![Just(1u8), Just(255), Just(128)]).prop_map(|(at, byte)| Harm::Add(at, byte)),
        2 => (at.clone(), any::<u8>()).prop_map(|(at, byte)| Harm::Insert(at, byte)),
        2 => (at.clone(), 1..40usize).prop_map(|(at, len)| Harm::Remove(at, len)),
        1 => (at.clone(), 1..40usize).prop_map(|(at, len)| Harm::Repeat(at, len)),
        1 => at.prop_map(Harm::Cut),
    ]
}

impl Harm {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let len = bytes.len();
        match *self {
            _ if len == 0 => {}
            Harm::Set(at, byte) => bytes[at % len] = byte,
            Harm::Add(at, byte) => bytes[at % len] = bytes[at % len].wrapping_add(byte),
            Harm::Insert(at, byte) => bytes.insert(at % len, byte),
            Harm::Remove(at, some) => drop(bytes.drain(at % len..len.min(at % len + some))),
            Harm::Repeat(at, some) => bytes.extend_from_within(at % len..len.min(at % len + some)),
            Harm::Cut(at) => bytes.truncate(at % len),
        }
    }
}

/// Harm near the beginning, where the structure is, as often as anywhere.
fn harms() -> impl Strategy<Value = Vec<Harm>> {
    vec(harm(), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn leaves_round_trip((entries, node) in any_leaf()) {
        let read = node.decode().unwrap();
        prop_assert_eq!(read.len(), entries.len());
        for (index, (key, value)) in entries.iter().enumerate() {
            let entry = read.entry(index).unwrap();
            prop_assert_eq!((entry.key, &entry.value()), (&key[..], value));
            prop_assert!(entry.holds(value));
            prop_assert_eq!(read.lower_bound(key), index);
        }
        let weight = entries.iter().map(|(_, value)| value.weight).sum::<u64>();
        prop_assert_eq!(read.totals(), Totals { count: entries.len() as u64, weight });
        prop_assert_eq!(read.totals(), node.totals);
        prop_assert_eq!(read.last_key(), &node.last_key);
        prop_assert_eq!(&again(&read).hashed, &node.hashed);
    }

    #[test]
    fn internal_nodes_round_trip(node in any_internal()) {
        let read = again(&node.decode().unwrap());
        prop_assert_eq!((read.hashed, read.physical, read.totals), (node.hashed, node.physical, node.totals));
    }

    #[test]
    fn what_is_decoded_is_canonical(
        node in prop_oneof![any_leaf().prop_map(|(_, node)| (node.hashed, node.physical)), any_internal().prop_map(|node| (node.hashed, node.physical))],
        hashed in harms(),
        physical in proptest::option::weighted(0.2, harm()),
    ) {
        let (mut bytes, mut places) = node;
        hashed.iter().for_each(|harm| harm.apply(&mut bytes));
        physical.iter().for_each(|harm| harm.apply(&mut places));
        if let Ok(read) = Node::decode(&bytes, &places) {
            let read = again(&read);
            prop_assert_eq!((read.hashed, read.physical), (bytes, places));
        }
    }

    #[test]
    fn garbage_is_refused(mut bytes in vec(any::<u8>(), 0..300), headed in any::<bool>()) {
        if headed {
            bytes.splice(0..0, *b"SKN1");
        }
        if let Ok(read) = Node::decode(&bytes, &[]) {
            prop_assert_eq!(again(&read).hashed, bytes);
        }
    }
}
