//! Statements that would become trees too deep to walk, found before there is a tree.
//!
//! The parser bounds nesting, but not chains: `1+1+…` becomes a tree as deep as it is long, and a tree is
//! dropped by recursion, which ends the process where the stack ends.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, ObjectName, Query, Statement, Visit, Visitor, visit_relations};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// The most operators of a statement. The time to plan a chain grows with the cube of its length: measured
/// 4 s for 1,000 in a build without optimization, where 60,000 overflow a stack of 256 MiB. A list of `IN` is
/// no chain.
const OPERATORS_MAX: usize = 1_000;
/// How deep parentheses stand within each other at the most. Some kinds of nesting take the parser twice as long with each
/// level once it is near its own limit, which is 50.
const PARENTHESES_MAX: usize = 40;
/// How deep calls of functions stand within each other at the most that stand for a `CASE` in which their argument comes
/// twice: planning takes twice the time and memory with each level.
const DOUBLING_MAX: usize = 12;
/// Those functions.
const DOUBLING: [&str; 4] = ["coalesce", "ifnull", "nvl", "nvl2"];
/// The most tables that a statement names: `FROM a, b, …` becomes a chain as well.
const TABLES_MAX: usize = 200;
/// The most tables that they come to once each query of `WITH` is put where it is named.
const EXPANDED_MAX: usize = 1_000;

/// Returns why a statement must not be parsed, if so. What cannot be cut into tokens is left to the parser.
pub(crate) fn too_deep(sql: &str) -> Option<String> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().ok()?;
    let mut before = &Token::Comma;
    let (mut operators, mut depth, mut deepest) = (0, 0_usize, 0);
    for token in tokens
        .iter()
        .filter(|token| !matches!(token, Token::Whitespace(_)))
    {
        let starts = matches!(before, Token::Comma | Token::LParen);
        operators += usize::from(is_operator(token) && !starts);
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
        before = token;
    }
    if deepest > PARENTHESES_MAX {
        return Some(format!(
            "the statement nests parentheses more than {PARENTHESES_MAX} deep"
        ));
    }
    (operators > OPERATORS_MAX).then(|| format!("the statement has more than {OPERATORS_MAX} operators"))
}

/// Returns why a statement must not be planned, if so.
pub(crate) fn too_wide(statement: &Statement) -> Option<String> {
    let mut tables = 0;
    let _ = visit_relations(statement, |_| {
        tables += 1;
        ControlFlow::<()>::Continue(())
    });
    if tables > TABLES_MAX {
        return Some(format!("the statement names more than {TABLES_MAX} tables"));
    }
    let mut doubling = Doubling::default();
    let _ = statement.visit(&mut doubling);
    if doubling.deepest > DOUBLING_MAX {
        let names = DOUBLING.join(", ");
        return Some(format!(
            "the statement nests {names} more than {DOUBLING_MAX} deep"
        ));
    }
    let mut expansion = Expansion::default();
    let _ = statement.visit(&mut expansion);
    (expansion.largest > EXPANDED_MAX)
        .then(|| format!("queries of WITH that use each other come to more than {EXPANDED_MAX} tables"))
}

/// How deep functions of [`DOUBLING`] stand within each other.
#[derive(Debug, Default)]
struct Doubling {
    depth: usize,
    deepest: usize,
}

impl Doubling {
    fn is_one(expression: &Expr) -> bool {
        matches!(expression, Expr::Function(function)
            if DOUBLING.contains(&function.name.to_string().to_lowercase().as_str()))
    }
}

impl Visitor for Doubling {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        self.depth += usize::from(Doubling::is_one(expression));
        self.deepest = self.deepest.max(self.depth);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        self.depth -= usize::from(Doubling::is_one(expression));
        ControlFlow::Continue(())
    }
}

/// How many tables queries of `WITH` come to, each of which is planned anew wherever it is named.
#[derive(Debug, Default)]
struct Expansion {
    named: HashMap<String, usize>,
    largest: usize,
}

impl Expansion {
    /// Counts the tables of a part, with what those of `WITH` come to that are known by now.
    fn count<T: Visit>(&self, part: &T) -> usize {
        let mut count = 0_usize;
        let _ = visit_relations(part, |name: &ObjectName| {
            let known = self.named.get(&name.to_string().to_lowercase());
            count = count.saturating_add(known.copied().unwrap_or(1));
            ControlFlow::<()>::Continue(())
        });
        count
    }
}

impl Visitor for Expansion {
    type Break = ();

    /// Inner queries come first, so that what they name is known.
    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let count = self.count(&*cte.query);
            let name = cte.alias.name.to_string().to_lowercase();
            let known = self.named.entry(name).or_default();
            *known = count.max(*known);
            self.largest = self.largest.max(count);
        }
        self.largest = self.largest.max(self.count(&*query.body));
        ControlFlow::Continue(())
    }
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
    fn queries_that_double_each_other_are_counted_as_they_are_planned() {
        use datafusion::sql::sqlparser::parser::Parser;
        let wide = |sql: &str| {
            let statement = Parser::parse_sql(&GenericDialect {}, sql).unwrap().remove(0);
            too_wide(&statement)
        };
        let doubling = |levels: usize| {
            let more: String = (1..levels)
                .map(|n| {
                    format!(
                        ", a{n} as (select * from a{0} union all select * from A{0})",
                        n - 1
                    )
                })
                .collect();
            format!(
                "with a0 as (select * from t){more} select count(*) from a{}",
                levels - 1
            )
        };
        assert_eq!(wide(&doubling(9)), None);
        assert!(wide(&doubling(26)).unwrap().contains("WITH"));
        let nested = format!("with x as ({}) select * from x", doubling(26));
        assert!(wide(&nested).is_some());
        let recursive =
            "with recursive r as (select 1 x union all select x + 1 from r where x < 5) select * from r, r s";
        assert_eq!(wide(recursive), None);
    }

    #[test]
    fn what_doubles_with_each_level_has_few_levels() {
        use datafusion::sql::sqlparser::parser::Parser;
        let nested = |call: &str, levels: usize, end: &str| {
            format!("select {}1{}", call.repeat(levels), end.repeat(levels))
        };
        assert_eq!(too_deep(&nested("cast(", PARENTHESES_MAX, " as int)")), None);
        assert!(too_deep(&nested("cast(", PARENTHESES_MAX + 1, " as int)")).is_some());
        let wide = |sql: &str| {
            let statement = Parser::parse_sql(&GenericDialect {}, sql).unwrap().remove(0);
            too_wide(&statement)
        };
        assert_eq!(wide(&nested("coalesce(", DOUBLING_MAX, ", 2)")), None);
        assert!(
            wide(&nested("NVL(abs(", DOUBLING_MAX + 1, "), 2)"))
                .unwrap()
                .contains("nvl")
        );
        assert_eq!(wide(&format!("select {}1", "coalesce(1, 2), ".repeat(100))), None);
    }

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
