//! Cuts a `.thrift` text into tokens, each with its line.

/// The smallest meaningful piece of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Word(String),
    Number(i64),
    Text(String),
    Doc(String),
    Mark(char),
}

/// Cuts `text` into tokens. Plain comments vanish, `/** … */` stays as [`Token::Doc`].
pub(crate) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, String> {
    let mut lexer = Lexer { rest: text, line: 1 };
    let mut found = Vec::new();
    loop {
        lexer.skip_blank();
        let line = lexer.line;
        match lexer.next_token()? {
            Some(token) => found.push((token, line)),
            None => return Ok(found),
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lexer<'a> {
    fn skip_blank(&mut self) {
        loop {
            let blank = self
                .rest
                .find(|c: char| !c.is_whitespace())
                .unwrap_or(self.rest.len());
            self.take(blank);
            if !self.rest.starts_with("//") {
                return;
            }
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.take(end);
        }
    }

    fn next_token(&mut self) -> Result<Option<Token>, String> {
        let Some(first) = self.rest.chars().next() else {
            return Ok(None);
        };
        if self.rest.starts_with("/**") {
            return self.doc().map(Some);
        }
        let token = match first {
            '"' => self.text()?,
            '0'..='9' | '-' => self.number()?,
            'a'..='z' | 'A'..='Z' | '_' => Token::Word(
                self.take_while(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
                    .to_owned(),
            ),
            '{' | '}' | '(' | ')' | '<' | '>' | ',' | ':' | '=' => {
                self.take(1);
                Token::Mark(first)
            }
            other => return Err(format!("line {}: no idea what {other:?} means here", self.line)),
        };
        Ok(Some(token))
    }

    fn doc(&mut self) -> Result<Token, String> {
        let end = self
            .rest
            .find("*/")
            .ok_or_else(|| format!("line {}: comment without end", self.line))?;
        let body = self.take(end + 2);
        Ok(Token::Doc(body[3..body.len() - 2].trim().to_owned()))
    }

    fn text(&mut self) -> Result<Token, String> {
        self.take(1);
        let end = self
            .rest
            .find('"')
            .ok_or_else(|| format!("line {}: text without end", self.line))?;
        let body = self.take(end).to_owned();
        self.take(1);
        Ok(Token::Text(body))
    }

    fn number(&mut self) -> Result<Token, String> {
        let digits = self.take_while(|c| c.is_ascii_digit() || c == '-');
        digits
            .parse()
            .map(Token::Number)
            .map_err(|_| format!("line {}: bad number {digits}", self.line))
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c: char| !keep(c)).unwrap_or(self.rest.len());
        self.take(end)
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }
}
