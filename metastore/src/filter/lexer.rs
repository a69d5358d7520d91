//! Words, numbers, strings and operators of a filter.

use super::FilterError;
use super::ast::Operator;

/// A piece of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or a keyword.
    Word(String),
    /// A name in backquotes, which is never a keyword.
    Quoted(String),
    Integer(i64),
    /// A string without its quotes. Backslashes stay: they only keep a quote from ending the string.
    Text(String),
    /// A bare date, `2026-01-31`.
    Date(String),
    Operator(Operator),
    Open,
    Close,
    Comma,
    End,
}

impl Token {
    /// Returns the token as an error message shows it.
    pub(super) fn describe(&self) -> String {
        match self {
            Token::Word(word) | Token::Date(word) => format!("'{word}'"),
            Token::Quoted(name) => format!("`{name}`"),
            Token::Integer(number) => format!("'{number}'"),
            Token::Text(text) => format!("the string \"{text}\""),
            Token::Operator(_) => "a comparison".into(),
            Token::Open => "'('".into(),
            Token::Close => "')'".into(),
            Token::Comma => "','".into(),
            Token::End => "the end".into(),
        }
    }

    /// Returns whether this is the keyword `word`, given in lower case.
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Token::Word(text) if text.eq_ignore_ascii_case(word))
    }
}

/// Splits `text` into tokens and their positions; the last is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, FilterError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let (token, len) = token(&text[at..], first, at)?;
        tokens.push((token, at));
        at += len;
    }
    tokens.push((Token::End, text.len()));
    Ok(tokens)
}

/// Returns the token at the beginning of `rest`, and its length.
fn token(rest: &str, first: char, at: usize) -> Result<(Token, usize), FilterError> {
    match first {
        '(' => Ok((Token::Open, 1)),
        ')' => Ok((Token::Close, 1)),
        ',' => Ok((Token::Comma, 1)),
        '"' | '\'' => quoted(rest, first, at).map(|(text, len)| (Token::Text(text), len)),
        '`' => quoted(rest, first, at).map(|(text, len)| (Token::Quoted(text), len)),
        '=' | '!' | '<' | '>' => operator(rest, at),
        '-' => number(rest, 1, at),
        _ if first.is_alphanumeric() || first == '_' => word(rest, at),
        _ => Err(FilterError::Lexical {
            what: format!("unexpected character '{first}'"),
            at,
        }),
    }
}

fn quoted(rest: &str, quote: char, at: usize) -> Result<(String, usize), FilterError> {
    let mut escaped = false;
    for (i, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            _ if c == quote => return Ok((rest[1..i].to_owned(), i + 1)),
            _ => {}
        }
    }
    Err(FilterError::Lexical {
        what: format!("a string without its closing {quote}"),
        at,
    })
}

fn operator(rest: &str, at: usize) -> Result<(Token, usize), FilterError> {
    const OPERATORS: [(&str, Operator); 9] = [
        ("==", Operator::Equal),
        ("=", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<>", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
        ("!", Operator::NotEqual),
    ];
    match OPERATORS.iter().find(|(text, _)| rest.starts_with(text)) {
        Some((text, operator)) if *text != "!" => Ok((Token::Operator(*operator), text.len())),
        _ => Err(FilterError::Lexical {
            what: "unexpected character '!'".into(),
            at,
        }),
    }
}

fn word(rest: &str, at: usize) -> Result<(Token, usize), FilterError> {
    if let Some(date) = rest.get(..10).filter(|text| is_date(text)) {
        return Ok((Token::Date(date.to_owned()), 10));
    }
    let len = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    if rest[..len].bytes().all(|b| b.is_ascii_digit()) {
        return number(rest, 0, at);
    }
    Ok((Token::Word(rest[..len].to_owned()), len))
}

fn number(rest: &str, sign: usize, at: usize) -> Result<(Token, usize), FilterError> {
    let digits = rest[sign..].bytes().take_while(u8::is_ascii_digit).count();
    let text = &rest[..sign + digits];
    match text.parse() {
        Ok(number) => Ok((Token::Integer(number), text.len())),
        Err(_) if digits == 0 => Err(FilterError::Lexical {
            what: "unexpected character '-'".into(),
            at,
        }),
        Err(_) => Err(FilterError::Lexical {
            what: format!("the number {text} is out of range"),
            at,
        }),
    }
}

fn is_date(text: &str) -> bool {
    text.bytes().enumerate().all(|(i, b)| {
        if i == 4 || i == 7 {
            b == b'-'
        } else {
            b.is_ascii_digit()
        }
    })
}
