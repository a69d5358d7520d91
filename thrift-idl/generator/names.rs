//! How names of the IDL are spelled in Rust.

/// Returns the Rust name of a type or a method: `get_table_req` becomes `GetTableReq`, names without
/// underscore only get a capital first letter.
pub(crate) fn camel(name: &str) -> String {
    name.split('_').map(capital).collect()
}

fn capital(part: &str) -> String {
    let mut chars = part.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + chars.as_str()
    })
}

/// Returns the Rust name of a field: `viewOriginalText` becomes `view_original_text`, `numDVs`
/// becomes `num_dvs`; keywords get the raw prefix.
pub(crate) fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (at, &c) in chars.iter().enumerate() {
        if c.is_ascii_uppercase() && at > 0 && starts_word(&chars, at) {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    match snake.as_str() {
        "type" | "ref" | "in" | "match" | "move" | "use" | "where" | "mod" | "fn" => format!("r#{snake}"),
        _ => snake,
    }
}

fn starts_word(chars: &[char], at: usize) -> bool {
    let before = chars[at - 1];
    if !before.is_ascii_uppercase() {
        return before != '_';
    }
    let plural = chars.get(at + 1) == Some(&'s') && at + 2 == chars.len();
    chars.get(at + 1).is_some_and(char::is_ascii_lowercase) && !plural
}
