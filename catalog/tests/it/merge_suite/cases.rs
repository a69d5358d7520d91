//! Cases, read.

/// One case of a cell.
#[derive(Debug, Clone, Default)]
pub(super) struct Case {
    pub(super) cell: String,
    of: Option<String>,
    pub(super) base: String,
    pub(super) ours: String,
    pub(super) theirs: String,
    pub(super) result: String,
    /// What the result is with the sides swapped.
    pub(super) swapped: String,
    pub(super) deviates: Option<String>,
}

impl Case {
    /// Returns the cases of a file. What stands before the first is for people.
    pub(super) fn all(text: &str) -> Vec<Case> {
        let mut starts = format!("\n{text}");
        starts.push('\n');
        starts.split("\ncase: ").skip(1).map(Case::read).collect()
    }

    pub(super) fn name(&self) -> String {
        match &self.of {
            Some(of) => format!("{}: {of}", self.cell),
            None => self.cell.clone(),
        }
    }

    fn read(text: &str) -> Case {
        let (cell, rest) = text.split_once('\n').unwrap_or((text, ""));
        let mut case = Case {
            cell: cell.trim().to_owned(),
            ..Case::default()
        };
        let mut swapped = None;
        for (key, value) in fields(rest) {
            match key {
                "of" => case.of = Some(value.trim().to_owned()),
                "base" => case.base = value,
                "ours" => case.ours = value,
                "theirs" => case.theirs = value,
                "result" => case.result = value,
                "swapped" => swapped = Some(value),
                "deviates" => case.deviates = Some(value.trim().to_owned()),
                other => panic!("{cell}: no field is called {other}"),
            }
        }
        case.swapped = swapped.unwrap_or_else(|| case.result.clone());
        case
    }
}

/// Splits into fields: a line that is not indented begins one, the others go on by what they are indented.
fn fields(text: &str) -> Vec<(&str, String)> {
    let mut found: Vec<(&str, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(more) = line.strip_prefix("    ") {
            let (_, value) = found.last_mut().expect("a field before its lines");
            *value += &format!("{more}\n");
        } else {
            let (key, value) = line.split_once(':').expect("a field");
            let value = value.trim_start();
            let first = if value.is_empty() {
                String::new()
            } else {
                format!("{value}\n")
            };
            found.push((key, first));
        }
    }
    found
}
