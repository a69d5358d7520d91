//! The grammar of filters.
//!
//! The union of what the originals of the 3.1 and 4.0 lines read: comparisons with the key on either side,
//! `like`, `between`, `in` over one key or a struct of keys, `and`, `or`, parentheses. There is no prefix
//! `not`, no `is null` and no decimal, as in the originals.

use super::ast::{Expression, Leaf, Literal, Reading};
use super::lexer::{Token, tokens};
use super::{FILTER_PARENTHESES_MAX, FilterError};

type Parsed<T> = Result<T, FilterError>;

/// Reads a filter.
pub(super) fn parse(text: &str) -> Parsed<Expression<Leaf>> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
    };
    parser.expression()
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    next: usize,
}

/// An open parenthesis: what stands in it so far.
#[derive(Default)]
struct Frame {
    /// Finished operands of `or`.
    ors: Vec<Expression<Leaf>>,
    /// Operands of `and` since the last `or`.
    ands: Vec<Expression<Leaf>>,
}

impl Frame {
    fn end_and(&mut self) {
        let ands = std::mem::take(&mut self.ands);
        self.ors.push(Expression::and(ands));
    }

    fn close(mut self) -> Expression<Leaf> {
        self.end_and();
        Expression::or(self.ors)
    }
}

impl Parser {
    /// Reads to the end. Open parentheses stand on a stack of its own, so that a client cannot exhaust ours.
    fn expression(&mut self) -> Parsed<Expression<Leaf>> {
        let mut outer: Vec<Frame> = Vec::new();
        let mut frame = Frame::default();
        loop {
            while *self.peek() == Token::Open && !self.opens_in() {
                if outer.len() == FILTER_PARENTHESES_MAX {
                    return Err(FilterError::TooDeep {
                        what: "(",
                        limit: FILTER_PARENTHESES_MAX,
                        at: self.at(),
                    });
                }
                self.advance();
                outer.push(std::mem::take(&mut frame));
            }
            frame.ands.push(Expression::Leaf(self.leaf()?));
            while *self.peek() == Token::Close && !outer.is_empty() {
                self.advance();
                let inner = frame.close();
                frame = outer.pop().unwrap_or_default();
                frame.ands.push(inner);
            }
            if self.take("and") {
            } else if self.take("or") {
                frame.end_and();
            } else if *self.peek() == Token::End && outer.is_empty() {
                return Ok(frame.close());
            } else {
                let expected = if outer.is_empty() {
                    "'and', 'or' or the end"
                } else {
                    "'and', 'or' or ')'"
                };
                return Err(self.unexpected(expected));
            }
        }
    }

    /// Returns whether the parenthesis at hand is that of `(key) in` or `(struct(…)) in`.
    fn opens_in(&self) -> bool {
        let token = |i: usize| {
            self.tokens
                .get(self.next + i)
                .map_or(&Token::End, |(token, _)| token)
        };
        let name = matches!(token(1), Token::Word(_) | Token::Quoted(_));
        let behind = *token(2) == Token::Close && (token(3).is("in") || token(3).is("not"));
        name && (behind || (token(1).is("struct") && *token(2) == Token::Open))
    }

    fn leaf(&mut self) -> Parsed<Leaf> {
        if *self.peek() == Token::Open {
            return self.in_list();
        }
        if let Some(literal) = self.literal()? {
            let operator = self.operator()?.mirrored();
            return Ok(Leaf::Compare {
                key: self.name()?,
                operator,
                literal,
            });
        }
        let key = self.name()?;
        if self.take("like") {
            return match self.literal()? {
                Some(Literal::Text(pattern)) => Ok(Leaf::Like {
                    key,
                    negated: false,
                    pattern,
                    reading: Reading::Either,
                }),
                _ => Err(self.unexpected("a pattern in quotes")),
            };
        }
        let negated = self.take("not");
        if self.take("between") {
            let low = self.need_literal()?;
            self.need("and", "'and'")?;
            return Ok(Leaf::Between {
                key,
                negated,
                low,
                high: self.need_literal()?,
            });
        }
        if negated || self.peek().is("in") {
            let expected = if negated {
                "'between'"
            } else {
                "a comparison (the key before 'in' stands in parentheses)"
            };
            return Err(self.unexpected(expected));
        }
        Ok(Leaf::Compare {
            key,
            operator: self.operator()?,
            literal: self.need_literal()?,
        })
    }

    /// Reads `(key) [not] in (…)` or `(struct(key, …)) [not] in (const struct(…), …)`.
    fn in_list(&mut self) -> Parsed<Leaf> {
        self.punctuation(&Token::Open, "'('")?;
        let many = self.peek().is("struct") && self.tokens[self.next + 1].0 == Token::Open;
        let keys = if many {
            self.advance();
            self.list(Parser::name)?
        } else {
            vec![self.name()?]
        };
        self.punctuation(&Token::Close, "')'")?;
        let negated = self.take("not");
        self.need("in", "'in'")?;
        let rows = if many {
            self.list(|parser| parser.row(keys.len()))?
        } else {
            self.list(|parser| Ok(vec![parser.need_literal()?]))?
        };
        Ok(Leaf::In { keys, negated, rows })
    }

    /// Reads `const struct(…)`, with `const` left out by some.
    fn row(&mut self, keys: usize) -> Parsed<Vec<Literal>> {
        self.take("const");
        self.need("struct", "'const struct'")?;
        let at = self.at();
        let row = self.list(Parser::need_literal)?;
        if row.len() != keys {
            let what = format!("a struct of {} values for {keys} keys", row.len());
            return Err(FilterError::Lexical { what, at });
        }
        Ok(row)
    }

    /// Reads one or more items in parentheses.
    fn list<T>(&mut self, item: impl Fn(&mut Parser) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.punctuation(&Token::Open, "'('")?;
        let mut items = vec![item(self)?];
        while *self.peek() == Token::Comma {
            self.advance();
            items.push(item(self)?);
        }
        self.punctuation(&Token::Close, "',' or ')'")?;
        Ok(items)
    }

    fn literal(&mut self) -> Parsed<Option<Literal>> {
        let typed = self.peek().is("date") || self.peek().is("timestamp");
        if typed && matches!(self.tokens[self.next + 1].0, Token::Text(_) | Token::Date(_)) {
            self.advance();
        }
        let literal = match self.peek() {
            Token::Integer(number) => Literal::Integer(*number),
            Token::Text(text) | Token::Date(text) => Literal::Text(text.clone()),
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(literal))
    }

    fn need_literal(&mut self) -> Parsed<Literal> {
        match self.literal()? {
            Some(literal) => Ok(literal),
            None => Err(self.unexpected("a string, an integer or a date")),
        }
    }

    fn name(&mut self) -> Parsed<String> {
        let name = match self.peek() {
            Token::Word(name) | Token::Quoted(name) => name.to_lowercase(),
            _ => return Err(self.unexpected("the name of a partition key")),
        };
        self.advance();
        Ok(name)
    }

    fn operator(&mut self) -> Parsed<super::ast::Operator> {
        let Token::Operator(operator) = *self.peek() else {
            return Err(self.unexpected("a comparison"));
        };
        self.advance();
        Ok(operator)
    }

    fn punctuation(&mut self, token: &Token, expected: &'static str) -> Parsed<()> {
        if self.peek() != token {
            return Err(self.unexpected(expected));
        }
        self.advance();
        Ok(())
    }

    fn need(&mut self, word: &str, expected: &'static str) -> Parsed<()> {
        if self.take(word) {
            Ok(())
        } else {
            Err(self.unexpected(expected))
        }
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek().is(word);
        if found {
            self.advance();
        }
        found
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.next].0
    }

    fn at(&self) -> usize {
        self.tokens[self.next].1
    }

    /// Moves on; the last token, which is the end, stays.
    fn advance(&mut self) {
        self.next = (self.next + 1).min(self.tokens.len() - 1);
    }

    fn unexpected(&self, expected: &'static str) -> FilterError {
        FilterError::Unexpected {
            expected,
            found: self.peek().describe(),
            at: self.at(),
        }
    }
}
