//! Values without Rust types: made from random bytes by the tables of the IDL, and what must be left of
//! them once our decoder has skipped what does not fit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use thrift_idl::{FieldType, METHODS, StructInfo, WireType};

/// Any value on the wire.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dyn {
    Bool(bool),
    I8(i8),
    I16(i16),
    I32(i32),
    I64(i64),
    /// The bits, so that values have an order.
    Double(u64),
    String(Vec<u8>),
    /// The element type only when there are elements.
    List(Option<Wire>, Vec<Dyn>),
    Set(Option<Wire>, BTreeSet<Dyn>),
    Map(Option<(Wire, Wire)>, BTreeMap<Dyn, Dyn>),
    Struct(BTreeMap<i16, Dyn>),
}

/// A wire type that has an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wire(u8);

pub(crate) const WIRES: [WireType; 11] = [
    WireType::Bool,
    WireType::I8,
    WireType::I16,
    WireType::I32,
    WireType::I64,
    WireType::Double,
    WireType::String,
    WireType::Struct,
    WireType::List,
    WireType::Set,
    WireType::Map,
];

impl From<WireType> for Wire {
    fn from(wire: WireType) -> Self {
        Self(WIRES.iter().position(|it| *it == wire).unwrap() as u8)
    }
}

impl From<Wire> for WireType {
    fn from(wire: Wire) -> Self {
        WIRES[usize::from(wire.0)]
    }
}

impl Dyn {
    pub(crate) fn wire(&self) -> WireType {
        match self {
            Self::Bool(_) => WireType::Bool,
            Self::I8(_) => WireType::I8,
            Self::I16(_) => WireType::I16,
            Self::I32(_) => WireType::I32,
            Self::I64(_) => WireType::I64,
            Self::Double(_) => WireType::Double,
            Self::String(_) => WireType::String,
            Self::List(..) => WireType::List,
            Self::Set(..) => WireType::Set,
            Self::Map(..) => WireType::Map,
            Self::Struct(_) => WireType::Struct,
        }
    }

    pub(crate) fn list(values: Vec<Self>) -> Self {
        Self::List(values.first().map(|first| first.wire().into()), values)
    }

    pub(crate) fn set(values: BTreeSet<Self>) -> Self {
        Self::Set(values.first().map(|first| first.wire().into()), values)
    }

    pub(crate) fn map(values: BTreeMap<Self, Self>) -> Self {
        let wires = values
            .first_key_value()
            .map(|(key, value)| (key.wire().into(), value.wire().into()));
        Self::Map(wires, values)
    }
}

pub(crate) fn wire_of(ty: &FieldType) -> WireType {
    match ty {
        FieldType::Bool => WireType::Bool,
        FieldType::I8 => WireType::I8,
        FieldType::I16 => WireType::I16,
        FieldType::I32 | FieldType::Enum(_) => WireType::I32,
        FieldType::I64 => WireType::I64,
        FieldType::Double => WireType::Double,
        FieldType::String | FieldType::Binary => WireType::String,
        FieldType::List(_) => WireType::List,
        FieldType::Set(_) => WireType::Set,
        FieldType::Map(..) => WireType::Map,
        FieldType::Struct(_) => WireType::Struct,
    }
}

/// Returns every struct of the IDL that a method's arguments or reply reach, themselves included.
pub(crate) fn all_structs() -> &'static [&'static StructInfo] {
    static ALL: LazyLock<Vec<&'static StructInfo>> = LazyLock::new(find_structs);
    &ALL
}

fn find_structs() -> Vec<&'static StructInfo> {
    let mut found: BTreeMap<&str, &'static StructInfo> = BTreeMap::new();
    let mut next: Vec<&'static StructInfo> = METHODS.iter().flat_map(|m| [m.args, m.reply]).collect();
    while let Some(info) = next.pop() {
        if found.insert(info.name, info).is_none() {
            info.fields
                .iter()
                .for_each(|field| inner_structs(&field.ty, &mut next));
        }
    }
    found.into_values().collect()
}

fn inner_structs(ty: &FieldType, found: &mut Vec<&'static StructInfo>) {
    match ty {
        FieldType::Struct(info) => found.push(info()),
        FieldType::List(inner) | FieldType::Set(inner) => inner_structs(inner, found),
        FieldType::Map(key, value) => {
            inner_structs(key, found);
            inner_structs(value, found);
        }
        _ => {}
    }
}

/// Makes values from a supply of random bytes; when it is used up, everything is zero and unset.
pub(crate) struct Maker<'a> {
    pub(crate) supply: &'a [u8],
    /// Whether to add unknown fields and fields of the wrong type.
    pub(crate) noise: bool,
    /// How deep there are still fields.
    pub(crate) depth_max: usize,
}

impl Maker<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.supply.split_first() else {
            return 0;
        };
        self.supply = rest;
        *first
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    pub(crate) fn structure(&mut self, info: &StructInfo, depth: usize) -> Dyn {
        let mut fields = BTreeMap::new();
        for field in info.fields {
            if depth < self.depth_max && self.byte() % 2 == 1 {
                fields.insert(field.id, self.value(&field.ty, depth + 1));
            }
            if self.noise && self.byte() % 16 == 15 {
                fields.insert(field.id, self.anything(depth + 1));
            }
        }
        if self.noise && self.byte() % 4 == 3 {
            let unknown = self.id().saturating_add(500);
            fields.insert(unknown, self.anything(depth + 1));
        }
        Dyn::Struct(fields)
    }

    fn value(&mut self, ty: &FieldType, depth: usize) -> Dyn {
        match ty {
            FieldType::String => self.text(),
            FieldType::Binary => self.raw(),
            FieldType::List(inner) => Dyn::list(self.values(inner, depth).collect()),
            FieldType::Set(inner) => Dyn::set(self.values(inner, depth).collect()),
            FieldType::Map(key, value) => {
                let keys: Vec<_> = self.values(key, depth).collect();
                Dyn::map(
                    keys.into_iter()
                        .map(|key| (key, self.value(value, depth + 1)))
                        .collect(),
                )
            }
            FieldType::Struct(info) => self.structure(info(), depth),
            scalar => self.scalar(wire_of(scalar)),
        }
    }

    fn values(&mut self, ty: &FieldType, depth: usize) -> std::vec::IntoIter<Dyn> {
        // 14, 15 and 16 are around the short form of compact
        let count = match self.byte() % 8 {
            7 => 13 + self.byte() % 4,
            few => few % 4,
        };
        (0..count)
            .map(|_| self.value(ty, depth + 1))
            .collect::<Vec<_>>()
            .into_iter()
    }

    fn scalar(&mut self, wire: WireType) -> Dyn {
        match wire {
            WireType::Bool => Dyn::Bool(self.byte() % 2 == 1),
            WireType::I8 => Dyn::I8(self.byte().cast_signed()),
            WireType::I16 => Dyn::I16(i16::from_be_bytes(self.bytes())),
            WireType::I32 => Dyn::I32(i32::from_be_bytes(self.bytes()) >> (self.byte() % 32)),
            WireType::I64 => Dyn::I64(i64::from_be_bytes(self.bytes()) >> (self.byte() % 64)),
            WireType::Double => Dyn::Double(u64::from_be_bytes(self.bytes())),
            _ => self.text(),
        }
    }

    /// Makes the id of a field. Apache's compact writer overflows where two are further apart.
    fn id(&mut self) -> i16 {
        i16::from_be_bytes(self.bytes()) / 3
    }

    fn text(&mut self) -> Dyn {
        let count = self.byte() % 6;
        let text: String = (0..count).map(|_| char::from(self.byte())).collect();
        Dyn::String(text.into_bytes())
    }

    fn raw(&mut self) -> Dyn {
        let count = self.byte() % 6;
        Dyn::String((0..count).map(|_| self.byte()).collect())
    }

    /// Makes a value of a random type; all its elements are alike, as the wire demands.
    fn anything(&mut self, depth: usize) -> Dyn {
        let wire = WIRES[usize::from(self.byte()) % WIRES.len()];
        self.any_of(wire, depth)
    }

    fn any_of(&mut self, wire: WireType, depth: usize) -> Dyn {
        let count = if depth > 10 { 0 } else { self.byte() % 4 };
        let inner = WIRES[usize::from(self.byte()) % WIRES.len()];
        match wire {
            WireType::List => Dyn::list((0..count).map(|_| self.any_of(inner, depth + 1)).collect()),
            WireType::Set => Dyn::set((0..count).map(|_| self.any_of(inner, depth + 1)).collect()),
            WireType::Map => {
                let pair = |maker: &mut Self| (maker.text(), maker.any_of(inner, depth + 1));
                Dyn::map((0..count).map(|_| pair(self)).collect())
            }
            WireType::Struct => {
                let field = |maker: &mut Self| (maker.id(), maker.anything(depth + 1));
                Dyn::Struct((0..count).map(|_| field(self)).collect())
            }
            scalar => self.scalar(scalar),
        }
    }
}

/// What must be left of `value` after decoding as `info`: known fields of the declared type.
pub(crate) fn fitting(value: &Dyn, info: &StructInfo) -> Dyn {
    let Dyn::Struct(fields) = value else {
        panic!("{value:?} is no struct")
    };
    let fit = |(id, value): (&i16, &Dyn)| {
        let field = info.fields.iter().find(|field| field.id == *id)?;
        Some((*id, fitting_value(value, &field.ty)?))
    };
    Dyn::Struct(fields.iter().filter_map(fit).collect())
}

fn fitting_value(value: &Dyn, ty: &FieldType) -> Option<Dyn> {
    Some(match (value, ty) {
        (Dyn::List(_, values), FieldType::List(inner)) => Dyn::list(
            values
                .iter()
                .map(|value| fitting_value(value, inner))
                .collect::<Option<_>>()?,
        ),
        (Dyn::Set(_, values), FieldType::Set(inner)) => Dyn::set(
            values
                .iter()
                .map(|value| fitting_value(value, inner))
                .collect::<Option<_>>()?,
        ),
        (Dyn::Map(_, values), FieldType::Map(key, inner)) => {
            let pair = |(k, v): (&Dyn, &Dyn)| Some((fitting_value(k, key)?, fitting_value(v, inner)?));
            Dyn::map(values.iter().map(pair).collect::<Option<_>>()?)
        }
        (Dyn::Struct(_), FieldType::Struct(info)) => fitting(value, info()),
        (value, ty) if value.wire() == wire_of(ty) => value.clone(),
        _ => return None,
    })
}
