//! How differences are shown to people: in colours where a terminal shows them, and folded unless all is asked for.

use std::io::IsTerminal;

use crate::machine::environment;
use crate::output::printable;

/// How something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) is_coloured: bool,
    /// Whether nothing is folded.
    pub(super) is_full: bool,
}

/// What a line says of its thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Came,
    Went,
    Changed,
    Plain,
}

impl Style {
    /// Returns the style for standard output: coloured if that is a terminal, and `NO_COLOR` is not set.
    pub(super) fn of(is_full: bool) -> Style {
        Style {
            is_coloured: std::io::stdout().is_terminal() && environment("NO_COLOR").is_none(),
            is_full,
        }
    }

    /// Returns a line in its colour, without control characters of others.
    pub(super) fn paint(self, tone: Tone, line: &str) -> String {
        let colour = match tone {
            Tone::Came => 32,
            Tone::Went => 31,
            Tone::Changed => 33,
            Tone::Plain => return printable(line),
        };
        let line = printable(line);
        match self.is_coloured {
            true => format!("\x1b[{colour}m{line}\x1b[0m"),
            false => line,
        }
    }

    /// Returns how many of `count` things are shown, if folded ones are at most `folded`.
    pub(super) fn shown(self, count: usize, folded: usize) -> usize {
        if self.is_full { count } else { count.min(folded) }
    }
}

impl Tone {
    /// Returns the tone of a word, such as `created`, `dropped`, `rewritten`.
    pub(super) fn of(word: &str) -> Tone {
        match word {
            "created" | "added" => Tone::Came,
            "dropped" | "removed" => Tone::Went,
            _ => Tone::Changed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_ours_alone() {
        let style = Style {
            is_coloured: true,
            is_full: false,
        };
        assert_eq!(style.paint(Tone::Came, "a\x1b[0m"), "\x1b[32ma\\u{1b}[0m\x1b[0m");
        assert_eq!(style.paint(Tone::Plain, "a\x1b[0m"), "a\\u{1b}[0m");
    }
}
