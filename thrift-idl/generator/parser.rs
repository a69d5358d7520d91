//! Reads the subset of the Thrift language that our IDL is written in: `namespace`, `enum`, `struct`,
//! `exception`, `union` and one `service`. Names of types are resolved at the end.

use std::collections::HashSet;

use super::lexer::{Token, tokens};
use super::model::{Enum, Field, Idl, Kind, Method, Struct, Type};

/// Parses a whole file.
///
/// # Errors
/// A sentence with the line where the text leaves the subset, uses a name that nothing defines, or
/// uses a name or an id twice.
pub(crate) fn parse(text: &str) -> Result<Idl, String> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
    };
    let mut idl = Idl::default();
    while parser.at < parser.tokens.len() {
        parser.definition(&mut idl)?;
    }
    check_names(&idl)?;
    Ok(idl)
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    at: usize,
}

impl Parser {
    fn definition(&mut self, idl: &mut Idl) -> Result<(), String> {
        let doc = self.doc();
        let word = self.word()?;
        match word.as_str() {
            "namespace" => {
                self.word()?;
                self.word()?;
            }
            "enum" => idl.enums.push(self.enumeration(doc)?),
            "struct" => idl.structs.push(self.structure(doc, Kind::Struct)?),
            "exception" => idl.structs.push(self.structure(doc, Kind::Exception)?),
            "union" => idl.structs.push(self.structure(doc, Kind::Union)?),
            "service" => self.service(idl)?,
            other => return self.wrong(&format!("no definition begins with {other:?}")),
        }
        Ok(())
    }

    fn enumeration(&mut self, doc: Option<String>) -> Result<Enum, String> {
        let name = self.word()?;
        let mut values = Vec::new();
        self.expect('{')?;
        while !self.eat('}') {
            let value = self.word()?;
            self.expect('=')?;
            values.push((value, self.number::<i32>()?));
            self.eat(',');
        }
        Ok(Enum { doc, name, values })
    }

    fn structure(&mut self, doc: Option<String>, kind: Kind) -> Result<Struct, String> {
        let name = self.word()?;
        self.expect('{')?;
        Ok(Struct {
            doc,
            kind,
            name,
            fields: self.fields('}')?,
        })
    }

    fn service(&mut self, idl: &mut Idl) -> Result<(), String> {
        self.word()?;
        self.expect('{')?;
        while !self.eat('}') {
            idl.methods.push(self.method()?);
        }
        Ok(())
    }

    fn method(&mut self) -> Result<Method, String> {
        let oneway = self.eat_word("oneway");
        let returns = if self.eat_word("void") {
            None
        } else {
            Some(self.ty()?)
        };
        let name = self.word()?;
        self.expect('(')?;
        let args = self.fields(')')?;
        let mut throws = Vec::new();
        if self.eat_word("throws") {
            self.expect('(')?;
            throws = self.fields(')')?;
        }
        self.eat(',');
        if oneway && (returns.is_some() || !throws.is_empty()) {
            return self.wrong(&format!("oneway method {name} answers nothing"));
        }
        Ok(Method {
            name,
            oneway,
            returns,
            args,
            throws,
        })
    }

    fn fields(&mut self, end: char) -> Result<Vec<Field>, String> {
        let mut fields: Vec<Field> = Vec::new();
        while !self.eat(end) {
            let field = self.field()?;
            if fields
                .iter()
                .any(|other| other.id == field.id || other.name == field.name)
            {
                return self.wrong(&format!("field {} {} stands twice", field.id, field.name));
            }
            fields.push(field);
            self.eat(',');
        }
        Ok(fields)
    }

    fn field(&mut self) -> Result<Field, String> {
        let id = self.number::<i16>()?;
        self.expect(':')?;
        let required = self.eat_word("required");
        if !required {
            self.eat_word("optional");
        }
        let ty = self.ty()?;
        let name = self.word()?;
        Ok(Field {
            id,
            name,
            required,
            ty,
            was: self.annotation()?,
        })
    }

    fn annotation(&mut self) -> Result<Option<String>, String> {
        if !self.eat('(') {
            return Ok(None);
        }
        if !self.eat_word("skep.was") {
            return self.wrong("the only annotation is skep.was");
        }
        self.expect('=')?;
        let Some((Token::Text(text), _)) = self.tokens.get(self.at).cloned() else {
            return self.wrong("expected a text");
        };
        self.at += 1;
        self.expect(')')?;
        Ok(Some(text))
    }

    fn ty(&mut self) -> Result<Type, String> {
        let word = self.word()?;
        Ok(match word.as_str() {
            "bool" => Type::Bool,
            "i8" | "byte" => Type::I8,
            "i16" => Type::I16,
            "i32" => Type::I32,
            "i64" => Type::I64,
            "double" => Type::Double,
            "string" => Type::String,
            "binary" => Type::Binary,
            "list" => Type::List(self.inner()?),
            "set" => Type::Set(self.inner()?),
            "map" => {
                self.expect('<')?;
                let key = Box::new(self.ty()?);
                self.expect(',')?;
                let value = Box::new(self.ty()?);
                self.expect('>')?;
                Type::Map(key, value)
            }
            _ => Type::Named(word),
        })
    }

    fn inner(&mut self) -> Result<Box<Type>, String> {
        self.expect('<')?;
        let ty = self.ty()?;
        self.expect('>')?;
        Ok(Box::new(ty))
    }

    fn doc(&mut self) -> Option<String> {
        let Some((Token::Doc(text), _)) = self.tokens.get(self.at).cloned() else {
            return None;
        };
        self.at += 1;
        Some(text)
    }

    fn word(&mut self) -> Result<String, String> {
        let Some((Token::Word(word), _)) = self.tokens.get(self.at).cloned() else {
            return self.wrong("expected a word");
        };
        self.at += 1;
        Ok(word)
    }

    fn number<N: TryFrom<i64>>(&mut self) -> Result<N, String> {
        let Some((Token::Number(number), _)) = self.tokens.get(self.at).cloned() else {
            return self.wrong("expected a number");
        };
        let Ok(number) = N::try_from(number) else {
            return self.wrong("number too large");
        };
        self.at += 1;
        Ok(number)
    }

    fn expect(&mut self, mark: char) -> Result<(), String> {
        if self.eat(mark) {
            Ok(())
        } else {
            self.wrong(&format!("expected {mark:?}"))
        }
    }

    fn eat(&mut self, mark: char) -> bool {
        self.eat_token(&Token::Mark(mark))
    }

    fn eat_word(&mut self, word: &str) -> bool {
        self.eat_token(&Token::Word(word.to_owned()))
    }

    fn eat_token(&mut self, wanted: &Token) -> bool {
        let found = self.tokens.get(self.at).is_some_and(|(token, _)| token == wanted);
        self.at += usize::from(found);
        found
    }

    fn wrong<T>(&self, what: &str) -> Result<T, String> {
        match self.tokens.get(self.at) {
            Some((token, line)) => Err(format!("line {line}: {what}, found {token:?}")),
            None => Err(format!("at the end: {what}")),
        }
    }
}

fn check_names(idl: &Idl) -> Result<(), String> {
    let mut types = HashSet::new();
    let names = idl
        .enums
        .iter()
        .map(|e| &e.name)
        .chain(idl.structs.iter().map(|s| &s.name));
    for name in names {
        if !types.insert(name.as_str()) {
            return Err(format!("type {name} is defined twice"));
        }
    }
    let mut methods = HashSet::new();
    for method in &idl.methods {
        if !methods.insert(method.name.as_str()) {
            return Err(format!("method {} is defined twice", method.name));
        }
    }
    all_types(idl).try_for_each(|ty| check_type(ty, &types))?;
    idl.structs
        .iter()
        .try_for_each(|item| check_finite(idl, &item.name, &item.name, idl.structs.len()))
}

/// A struct that holds itself without a container between would need a box, and none does.
fn check_finite(idl: &Idl, from: &str, wanted: &str, steps: usize) -> Result<(), String> {
    let fields = idl
        .structs
        .iter()
        .filter(|item| item.name == from)
        .flat_map(|item| &item.fields);
    for field in fields {
        match &field.ty {
            Type::Named(name) if name == wanted || steps == 0 => {
                return Err(format!("struct {wanted} holds itself by {from}.{}", field.name));
            }
            Type::Named(name) => check_finite(idl, name, wanted, steps - 1)?,
            _ => {}
        }
    }
    Ok(())
}

fn all_types(idl: &Idl) -> impl Iterator<Item = &Type> {
    let fields = idl.structs.iter().flat_map(|s| &s.fields);
    let members = idl.methods.iter().flat_map(|m| m.args.iter().chain(&m.throws));
    let returned = idl.methods.iter().filter_map(|m| m.returns.as_ref());
    fields.chain(members).map(|field| &field.ty).chain(returned)
}

fn check_type(ty: &Type, known: &HashSet<&str>) -> Result<(), String> {
    match ty {
        Type::Named(name) if !known.contains(name.as_str()) => Err(format!("type {name} is not defined")),
        Type::List(inner) | Type::Set(inner) => check_type(inner, known),
        Type::Map(key, value) => check_type(key, known).and_then(|()| check_type(value, known)),
        _ => Ok(()),
    }
}
