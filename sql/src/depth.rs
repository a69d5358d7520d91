//! Statements that would become trees too deep to walk, found before there is a tree.
//!
//! The parser bounds nesting, but not chains: `1+1+…` becomes a tree as deep as it is long, and a tree is
//! dropped by recursion, which ends the process where the stack ends.

use datafusion::sql::sqlparser::ast::{Statement, visit_relations};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// The most operators of a statement. The time to plan a chain grows with the cube of its length: measured
/// 4 s for 1,000 in a build without optimization, where 60,000 overflow a stack of 256 MiB. A list of `IN` is
/// no chain.
const OPERATORS_MAX: usize = 1_000;
/// The most tables that a statement names: `FROM a, b, …` becomes a chain as well.
const TABLES_MAX: usize = 200;

/// Returns why a statement must not be parsed, if so. What cannot be cut into tokens is left to the parser.
pub(crate) fn too_deep(sql: &str) -> Option<String> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().ok()?;
    let mut before = &Token::Comma;
    let mut operators = 0;
    for token in tokens
        .iter()
        .filter(|token| !matches!(token, Token::Whitespace(_)))
    {
        let starts = matches!(before, Token::Comma | Token::LParen);
        operators += usize::from(is_operator(token) && !starts);
        before = token;
    }
    (operators > OPERATORS_MAX).then(|| format!("the statement has more than {OPERATORS_MAX} operators"))
}

/// Returns why a statement must not be planned, if so.
pub(crate) fn too_wide(statement: &Statement) -> Option<String> {
    let mut tables = 0;
    let _ = visit_relations(statement, |_| {
        tables += 1;
        std::ops::ControlFlow::<()>::Continue(())
    });
    (tables > TABLES_MAX).then(|| format!("the statement names more than {TABLES_MAX} tables"))
}

/// Whether a token may make a tree deeper. Those that stand first in a list, as the sign of a number, do not.
fn is_operator(token: &Token) -> bool {
    use Keyword::{
        AND, AT, BETWEEN, COLLATE, DIV, ESCAPE, EXCEPT, ILIKE, IN, INTERSECT, IS, JOIN, LIKE, MINUS, NOT, OR,
        OVERLAPS, REGEXP, RLIKE, SIMILAR, UNION, XOR,
    };
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            AND | AT
                | BETWEEN
                | COLLATE
                | DIV
                | ESCAPE
                | EXCEPT
                | ILIKE
                | IN
                | INTERSECT
                | IS
                | JOIN
                | LIKE
                | MINUS
                | NOT
                | OR
                | OVERLAPS
                | REGEXP
                | RLIKE
                | SIMILAR
                | UNION
                | XOR
        ),
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::Comma
        | Token::LParen
        | Token::RParen
        | Token::RBracket
        | Token::SemiColon
        | Token::EOF => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_counted_and_lists_are_not() {
        let many = OPERATORS_MAX + 1;
        for chain in [
            "1+",
            "a.b.",
            "a::int::",
            "1 or ",
            "x is null and ",
            "select 1 union all ",
            "t join ",
        ] {
            assert!(
                too_deep(&format!("select {}1", chain.repeat(many))).is_some(),
                "{chain}"
            );
        }
        for list in ["1, ", "-1, ", "'a', ", "(-1), "] {
            assert_eq!(
                too_deep(&format!("select {}1", list.repeat(many))),
                None,
                "{list}"
            );
        }
        assert_eq!(too_deep(&format!("select {}1", "1+".repeat(OPERATORS_MAX))), None);
        assert_eq!(too_deep("select 'open"), None);
    }
}
