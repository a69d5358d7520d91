//! What a server's processes have used: read from `/proc`, for them and all that they have started.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use crate::Failure;

/// Clock ticks a second, which Linux has fixed for what it tells to programs.
const TICKS_PER_SECOND: u64 = 100;

/// The processes of one server.
pub(crate) struct Processes {
    roots: Vec<u32>,
}

/// One line of `/proc/PID/stat`, as far as it is used here.
struct Stat {
    parent: u32,
    cpu_ticks: u64,
}

impl Processes {
    pub(crate) fn new(roots: Vec<u32>) -> Processes {
        Processes { roots }
    }

    /// Returns the CPU time used so far, those that ended included as far as their parents waited for them.
    pub(crate) fn cpu(&self) -> Result<Duration, Failure> {
        let all = stats()?;
        let ticks: u64 = self
            .family(&all)
            .filter_map(|pid| all.get(&pid))
            .map(|stat| stat.cpu_ticks)
            .sum();
        Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
    }

    /// Returns the memory that the processes hold alone, and their shares of what several hold.
    pub(crate) fn memory_bytes(&self) -> Result<u64, Failure> {
        let all = stats()?;
        Ok(self.family(&all).filter_map(proportional_bytes).sum())
    }

    fn family(&self, all: &BTreeMap<u32, Stat>) -> impl Iterator<Item = u32> + use<> {
        let mut family: BTreeSet<u32> = self.roots.iter().copied().collect();
        loop {
            let before = family.len();
            let children = all
                .iter()
                .filter(|(_, stat)| family.contains(&stat.parent))
                .map(|(pid, _)| *pid);
            family.extend(children.collect::<Vec<_>>());
            if family.len() == before {
                return family.into_iter();
            }
        }
    }
}

fn stats() -> Result<BTreeMap<u32, Stat>, Failure> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // it may have ended since
        let line = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        all.extend(parse(&line).map(|stat| (pid, stat)));
    }
    Ok(all)
}

/// Reads a line of `/proc/PID/stat`: what stands behind the name, which may hold spaces and parentheses.
fn parse(line: &str) -> Option<Stat> {
    let fields: Vec<&str> = line.rsplit_once(") ")?.1.split(' ').collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    // proc(5): fields 4, and 14 to 17, counted from the process id as 1
    let ticks = (11..15).map(number).sum::<Option<u64>>()?;
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        cpu_ticks: ticks,
    })
}

fn proportional_bytes(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_what_ends_them() {
        let stat = parse("7 (a) b (c)) S 3 7 7 0 -1 4 1 2 3 4 10 20 30 40 20 0 1 0 5 6 7").unwrap();
        assert_eq!((stat.parent, stat.cpu_ticks), (3, 100));
        assert!(parse("7 (a").is_none());
    }

    #[test]
    fn this_process_is_seen() {
        let own = Processes::new(vec![std::process::id()]);
        assert!(own.memory_bytes().unwrap() > 0);
    }
}
