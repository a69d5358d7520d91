//! Walks over a value without decoding it, and can stop anywhere to go on when more bytes are there.
//!
//! One engine for two jobs: the scanner finds the end of a message with it, the decoder skips what it
//! does not know. The stack is on the heap and bounded, so depth costs no thread its stack.

use crate::cursor::Cursor;
use crate::{Fault, Limits, WireType};

/// A struct or container that the walk is inside of.
#[derive(Debug, Clone, Copy)]
enum Open {
    Struct {
        last: i16,
    },
    List {
        wire: WireType,
        left: usize,
    },
    Map {
        key: WireType,
        value: WireType,
        left: usize,
        at_value: bool,
    },
}

/// A walk over one value.
#[derive(Debug, Default)]
pub(crate) struct Walker {
    open: Vec<Open>,
    /// How many structs and containers surround the value.
    depth: usize,
}

impl Walker {
    /// Starts a walk over a struct.
    pub(crate) fn over_struct() -> Self {
        Self {
            open: vec![Open::Struct { last: 0 }],
            depth: 0,
        }
    }

    /// Walks over one value of type `wire` that lies inside `depth` others.
    pub(crate) fn skip(cursor: &mut Cursor<'_>, wire: WireType, depth: usize) -> Result<(), Fault> {
        let mut walker = Self {
            open: Vec::new(),
            depth,
        };
        walker.value(cursor, wire)?;
        walker.run(cursor)
    }

    /// Walks until the value ends. On [`Fault::Truncated`] the cursor stands where to go on from with
    /// more bytes.
    pub(crate) fn run(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        while let Some(&open) = self.open.last() {
            let before = cursor.at;
            if let Err(fault) = self.step(cursor, open) {
                cursor.at = before;
                return Err(fault);
            }
        }
        Ok(())
    }

    /// Does one step, which changes nothing but the cursor when it fails.
    fn step(&mut self, cursor: &mut Cursor<'_>, open: Open) -> Result<(), Fault> {
        let top = self.open.len() - 1;
        match open {
            Open::Struct { last } => match cursor.field(last)? {
                None => self.open.truncate(top),
                Some(head) if head.flag.is_some() => self.open[top] = Open::Struct { last: head.id },
                Some(head) => {
                    self.value(cursor, head.wire)?;
                    self.open[top] = Open::Struct { last: head.id };
                }
            },
            Open::List { left: 0, .. } | Open::Map { left: 0, .. } => self.open.truncate(top),
            Open::List { wire, left } => {
                let done = self.elements(cursor, wire, left)?;
                self.open[top] = Open::List {
                    wire,
                    left: left - done,
                };
            }
            Open::Map {
                key,
                value,
                left,
                at_value,
            } => {
                self.value(cursor, if at_value { value } else { key })?;
                let left = left - usize::from(at_value);
                self.open[top] = Open::Map {
                    key,
                    value,
                    left,
                    at_value: !at_value,
                };
            }
        }
        Ok(())
    }

    /// Walks over one element, or over as many of fixed width as are there.
    fn elements(&mut self, cursor: &mut Cursor<'_>, wire: WireType, left: usize) -> Result<usize, Fault> {
        let Some(width) = cursor.width(wire) else {
            self.value(cursor, wire)?;
            return Ok(1);
        };
        let there = (cursor.left() / width).min(left);
        if there == 0 {
            return Err(Fault::Truncated);
        }
        cursor.take(there * width)?;
        Ok(there)
    }

    /// Walks over a scalar, or over the head of a struct or container, which is then open.
    fn value(&mut self, cursor: &mut Cursor<'_>, wire: WireType) -> Result<(), Fault> {
        if let Some(width) = cursor.width(wire) {
            return cursor.take(width).map(drop);
        }
        let open = match wire {
            WireType::String => return cursor.string().map(drop),
            WireType::Struct => Some(Open::Struct { last: 0 }),
            WireType::List | WireType::Set => cursor.list()?.map(|(wire, left)| Open::List { wire, left }),
            WireType::Map => cursor.map()?.map(|(key, value, left)| Open::Map {
                key,
                value,
                left,
                at_value: false,
            }),
            _ => return cursor.i64().map(drop),
        };
        Limits::check(
            "nesting",
            self.depth + self.open.len() + 1,
            cursor.limits.nesting_max,
        )?;
        self.open.extend(open);
        Ok(())
    }
}
