//! The table that is printed.

use std::time::Duration;

use crate::operations::Measured;

/// Prints rows as they come, so that a run which breaks off has shown what it had.
pub(crate) struct Report {
    servers: usize,
}

impl Report {
    /// Prints the heading.
    pub(crate) fn new(servers: &[&str]) -> Report {
        let mut heading = String::from("| operation |");
        let mut line = String::from("|---|");
        for server in servers {
            heading += &format!(" {server} p50 | p99 | CPU |");
            line += "---:|---:|---:|";
        }
        if let [ours, theirs] = servers {
            heading += &format!(" {theirs} / {ours} |");
            line += "---:|";
        }
        println!("{heading}\n{line}");
        Report {
            servers: servers.len(),
        }
    }

    /// Prints what an operation took with each of the servers.
    pub(crate) fn row(&mut self, label: &str, measured: &[Measured]) {
        let mut row = format!("| {label} |");
        for one in measured {
            let (half, most) = (at(&one.times, 50), at(&one.times, 99));
            row += &format!(" {} | {} | {} |", spell(half), spell(most), spell(one.cpu));
        }
        if let [ours, theirs] = measured {
            let ratio = at(&theirs.times, 50).as_secs_f64() / at(&ours.times, 50).as_secs_f64();
            row += &format!(" {ratio:.1} |");
        }
        println!("{row}");
    }

    /// Prints something that only one server does.
    pub(crate) fn own(&mut self, label: &str, took: Duration) {
        println!("| {label} | {} |{}", spell(took), " |".repeat(3 * self.servers));
    }

    /// Prints a figure of memory.
    pub(crate) fn memory(&mut self, label: &str, bytes: u64) {
        println!(
            "| {label} | {} MiB |{}",
            bytes >> 20,
            " |".repeat(3 * self.servers)
        );
    }
}

/// Returns the time that so many of a hundred were not slower than.
fn at(sorted: &[Duration], percent: usize) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or_default()
}

fn spell(time: Duration) -> String {
    match time.as_micros() {
        micros @ ..1_000 => format!("{micros} µs"),
        micros @ ..100_000 => format!("{:.2} ms", micros as f64 / 1e3),
        micros => format!("{:.0} ms", micros as f64 / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_list_is_not_its_mean() {
        let times: Vec<Duration> = [1, 2, 3, 4, 1_000].map(Duration::from_millis).into();
        assert_eq!(at(&times, 50), Duration::from_millis(3));
        assert_eq!(at(&[], 50), Duration::ZERO);
        assert_eq!(spell(Duration::from_micros(12_345)), "12.35 ms");
    }
}
