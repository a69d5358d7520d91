//! What a client's expression says about partition keys, as far as that can be said exactly.
//!
//! A client that sends an expression relies on the answer: it does not look again at what it gets, and drops
//! what it names. So a part that is not surely understood is `None`, and its meaning is left open: within an
//! `and` the other parts still narrow what is looked at; anywhere else the whole is open.
//!
//! Java's three-valued logic comes down to that of a filter once `not` stands at the leaves: a leaf about a
//! key without a value does not hold, negated or not.

use super::Key;
use super::ast::{Expression, Leaf, Literal, Operator, Reading};
use super::kryo::{Id, Object, Tree, Udf};
use super::value::{Kind, Typed};

/// How many nodes are looked at: an expression can point at one part many times.
const NODES_MAX: usize = 100_000;

/// How deep functions may be nested.
const DEPTH_MAX: usize = 100;

/// The longest `char` whose spellings are all looked for.
const CHAR_MAX: usize = 255;

type Filter = Expression<Leaf>;

/// What could be said of an expression.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Understood {
    /// What every partition meets that the expression accepts; `None` when nothing is known.
    pub(super) filter: Option<Filter>,
    /// Whether the expression accepts every partition that meets it.
    pub(super) exact: bool,
}

/// Says what an expression means for a table with these partition keys.
pub(super) fn understand(tree: &Tree, keys: &[Key]) -> Understood {
    let mut reader = Reader {
        tree,
        keys,
        nodes_left: NODES_MAX,
        exact: true,
    };
    let filter = reader.predicate(tree.root(), false, DEPTH_MAX);
    Understood {
        exact: reader.exact && filter.is_some(),
        filter,
    }
}

struct Reader<'a> {
    tree: &'a Tree,
    keys: &'a [Key],
    nodes_left: usize,
    exact: bool,
}

impl<'a> Reader<'a> {
    /// Says what `object` means, or what `not` of it means.
    fn predicate(&mut self, object: &'a Object, negated: bool, depth: usize) -> Option<Filter> {
        let depth = depth.checked_sub(1)?;
        let Object::Function { udf, arguments } = object else {
            return None;
        };
        let arguments = self.list(*arguments)?;
        self.nodes_left = self.nodes_left.checked_sub(1 + arguments.len())?;
        match udf {
            Udf::Generic("GenericUDFOPNot") => match arguments[..] {
                [inner] => self.predicate(inner, !negated, depth),
                _ => None,
            },
            Udf::Generic("GenericUDFOPAnd") => self.junction(&arguments, !negated, negated, depth),
            Udf::Generic("GenericUDFOPOr") => self.junction(&arguments, negated, negated, depth),
            Udf::Generic(name) => match operator(name) {
                Some(operator) => self.comparison(operator, &arguments, negated),
                None => self.other(name, &arguments, negated),
            },
            Udf::Bridge(class) if **class == *"org.apache.hadoop.hive.ql.udf.UDFLike" => {
                self.like(&arguments, negated)
            }
            Udf::Bridge(_) => None,
        }
    }

    fn junction(&mut self, parts: &[&'a Object], and: bool, negated: bool, depth: usize) -> Option<Filter> {
        let mut known = Vec::new();
        for part in parts {
            match self.predicate(part, negated, depth) {
                Some(part) => known.push(part),
                None if and => self.exact = false,
                None => return None,
            }
        }
        match (known.is_empty(), and) {
            (true, _) => None,
            (false, true) => Some(Expression::and(known)),
            (false, false) => Some(Expression::or(known)),
        }
    }

    fn comparison(&self, operator: Operator, arguments: &[&Object], negated: bool) -> Option<Filter> {
        let [left, right] = arguments else { return None };
        let operator = if negated { operator.negated() } else { operator };
        let (key, value, operator) = match self.key(left) {
            Some(key) => (key, right, operator),
            None => (self.key(right)?, left, operator.mirrored()),
        };
        let value = self.constant(value)?;
        if let Object::Char(text) = value {
            let equal = [Operator::Equal, Operator::NotEqual].contains(&operator);
            let rows = key.char_spellings(text).filter(|_| equal)?;
            return Some(key.valued(Leaf::In {
                keys: vec![key.name.clone()],
                negated: operator == Operator::NotEqual,
                rows,
            }));
        }
        Some(key.valued(Leaf::Compare {
            key: key.name.clone(),
            operator,
            literal: key.literal(value)?,
        }))
    }

    fn other(&self, name: &str, arguments: &[&Object], negated: bool) -> Option<Filter> {
        match (name, arguments) {
            ("GenericUDFOPNull" | "GenericUDFOPNotNull", [column]) => {
                let key = self.key(column)?;
                Some(Expression::Leaf(Leaf::Null {
                    key: key.name.clone(),
                    negated: (name == "GenericUDFOPNotNull") != negated,
                }))
            }
            ("GenericUDFBetween", [inverted, column, low, high]) => {
                let Object::Boolean(inverted) = self.constant(inverted)? else {
                    return None;
                };
                let key = self.key(column)?;
                Some(key.valued(Leaf::Between {
                    key: key.name.clone(),
                    negated: *inverted != negated,
                    low: key.literal(self.constant(low)?)?,
                    high: key.literal(self.constant(high)?)?,
                }))
            }
            ("GenericUDFIn", [Object::Function { udf, arguments }, rows @ ..]) => match udf {
                // what `not in` makes of a struct with a null in it is not worth knowing
                Udf::Generic("GenericUDFStruct") if !negated => self.in_rows(*arguments, rows),
                _ => None,
            },
            ("GenericUDFIn", [column, values @ ..]) => self.in_values(column, values, negated),
            _ => None,
        }
    }

    fn in_values(&self, column: &Object, values: &[&Object], negated: bool) -> Option<Filter> {
        let key = self.key(column)?;
        let mut rows = Vec::new();
        for value in values {
            match self.constant(value)? {
                Object::Char(text) => rows.extend(key.char_spellings(text)?),
                value => rows.push(vec![key.literal(value)?]),
            }
        }
        let keys = vec![key.name.clone()];
        Some(key.valued(Leaf::In { keys, negated, rows }))
    }

    fn in_rows(&self, columns: Id, rows: &[&Object]) -> Option<Filter> {
        let columns = self.list(columns)?;
        let keys: Vec<&Key> = columns.iter().map(|it| self.key(it)).collect::<Option<_>>()?;
        let row = |row: &&Object| self.row(row, &keys);
        let leaf = Leaf::In {
            keys: keys.iter().map(|key| key.name.clone()).collect(),
            negated: false,
            rows: rows.iter().map(row).collect::<Option<_>>()?,
        };
        let valued = keys.iter().filter_map(|key| key.not_null());
        Some(Expression::and(
            std::iter::once(Expression::Leaf(leaf)).chain(valued).collect(),
        ))
    }

    /// Returns a row of literals, written as a struct of constants or as one constant.
    fn row(&self, row: &Object, keys: &[&Key]) -> Option<Vec<Literal>> {
        let values: Vec<&Object> = match row {
            Object::Function {
                udf: Udf::Generic("GenericUDFStruct"),
                arguments,
            } => self
                .list(*arguments)?
                .into_iter()
                .map(|it| self.constant(it))
                .collect::<Option<_>>()?,
            Object::Constant { value } => self.list(*value)?,
            _ => return None,
        };
        if values.len() != keys.len() {
            return None;
        }
        keys.iter()
            .zip(values)
            .map(|(key, value)| key.literal(value))
            .collect()
    }

    fn like(&self, arguments: &[&Object], negated: bool) -> Option<Filter> {
        let [column, pattern] = arguments else { return None };
        let key = self.key(column)?;
        let Object::Text(pattern) = self.constant(pattern)? else {
            return None;
        };
        // Hive's backslash only protects a wildcard; elsewhere the two readings differ
        let plain = !pattern.contains('\\') && !key.is_char() && Kind::of(&key.type_name) == Kind::Text;
        plain.then(|| {
            key.valued(Leaf::Like {
                key: key.name.clone(),
                negated,
                pattern: pattern.to_string(),
                reading: Reading::Sql,
            })
        })
    }

    fn list(&self, id: Id) -> Option<Vec<&'a Object>> {
        match self.tree.get(id) {
            Object::List(ids) => Some(ids.iter().map(|id| self.tree.get(*id)).collect()),
            _ => None,
        }
    }

    fn constant(&self, object: &Object) -> Option<&'a Object> {
        match object {
            Object::Constant { value } => Some(self.tree.get(*value)),
            _ => None,
        }
    }

    /// Returns the key that a column is, if its type is what the expression takes it for.
    fn key(&self, object: &Object) -> Option<&'a Key> {
        let Object::Column { name, type_name } = object else {
            return self.widened(object);
        };
        let name = name.to_lowercase();
        self.keys
            .iter()
            .find(|key| key.name == name && base(&key.type_name) == base(type_name))
    }

    /// Returns the key behind a cast of an integer to a wider one, which changes no comparison.
    fn widened(&self, object: &Object) -> Option<&'a Key> {
        let Object::Function {
            udf: Udf::Bridge(class),
            arguments,
        } = object
        else {
            return None;
        };
        let [column @ Object::Column { .. }] = self.list(*arguments)?[..] else {
            return None;
        };
        let key = self.key(column)?;
        let to = class.strip_prefix("org.apache.hadoop.hive.ql.udf.UDFTo")?;
        let wide = |name: &str| INTEGERS.iter().position(|(_, udf)| *udf == name);
        let narrow = INTEGERS
            .iter()
            .position(|(name, _)| *name == base(&key.type_name));
        (narrow? <= wide(to)?).then_some(key)
    }
}

/// The integer types from narrow to wide, and what casts to them are called.
const INTEGERS: [(&str, &str); 4] = [
    ("tinyint", "Byte"),
    ("smallint", "Short"),
    ("int", "Integer"),
    ("bigint", "Long"),
];

fn operator(udf: &str) -> Option<Operator> {
    Some(match udf {
        "GenericUDFOPEqual" => Operator::Equal,
        "GenericUDFOPNotEqual" => Operator::NotEqual,
        "GenericUDFOPLessThan" => Operator::Less,
        "GenericUDFOPEqualOrLessThan" => Operator::LessOrEqual,
        "GenericUDFOPGreaterThan" => Operator::Greater,
        "GenericUDFOPEqualOrGreaterThan" => Operator::GreaterOrEqual,
        _ => return None,
    })
}

/// Returns the name of a type without its parameters.
fn base(type_name: &str) -> String {
    let name = type_name.split('(').next().unwrap_or_default().trim();
    name.to_ascii_lowercase()
}

impl Key {
    fn is_char(&self) -> bool {
        base(&self.type_name) == "char"
    }

    /// Returns a leaf that holds for no key without a value. Only a text key's lack of one looks like a value.
    fn valued(&self, leaf: Leaf) -> Filter {
        let leaf = Expression::Leaf(leaf);
        match self.not_null() {
            Some(not_null) => Expression::and(vec![leaf, not_null]),
            None => leaf,
        }
    }

    fn not_null(&self) -> Option<Filter> {
        (Kind::of(&self.type_name) == Kind::Text).then(|| {
            Expression::Leaf(Leaf::Null {
                key: self.name.clone(),
                negated: true,
            })
        })
    }

    /// Returns a constant as a literal, if comparing it with this key is what Hive's comparison is.
    fn literal(&self, value: &Object) -> Option<Literal> {
        let kind = Kind::of(&self.type_name);
        match (kind, value) {
            (Kind::Integer, Object::Integer(number)) => Some(Literal::Integer(*number)),
            (Kind::Decimal, Object::Integer(number)) => Some(Literal::Integer(*number)),
            (Kind::Decimal, Object::Decimal(text)) => Some(Literal::Text(text.clone())),
            (Kind::Text, Object::Text(text)) if !self.is_char() => Some(Literal::Text(text.to_string())),
            (Kind::Boolean, Object::Boolean(value)) => Some(Literal::Text(value.to_string())),
            (Kind::Time, Object::Date(text)) if base(&self.type_name) == "date" => {
                Some(Literal::Text(text.clone()))
            }
            (Kind::Time, Object::Timestamp(text)) if base(&self.type_name) == "timestamp" => {
                Some(Literal::Text(text.clone()))
            }
            (Kind::Time, Object::Text(text)) => {
                let midnight = base(&self.type_name) == "date";
                let readable = match kind.read(text)? {
                    Typed::Time(time) => !midnight || time.is_midnight(),
                    _ => false,
                };
                readable.then(|| Literal::Text(text.to_string()))
            }
            _ => None,
        }
    }

    /// Returns all values that are equal to a `char`: those that differ from it in the spaces at their end.
    fn char_spellings(&self, text: &str) -> Option<Vec<Vec<Literal>>> {
        let plain = text.trim_end_matches(' ');
        let width = self.type_name.split_once('(')?.1.trim_end_matches(')').trim();
        let width: usize = width.parse().ok().filter(|width| *width <= CHAR_MAX)?;
        let spaces = width.checked_sub(plain.chars().count())?;
        let spelling = |spaces: usize| vec![Literal::Text(format!("{plain}{}", " ".repeat(spaces)))];
        self.is_char().then(|| (0..=spaces).map(spelling).collect())
    }
}
